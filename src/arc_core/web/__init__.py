"""The HTTP interface of Core: REST, its description, health and metrics."""

from __future__ import annotations

from arc_core.web.app import create_app
from arc_core.web.context import Context
from arc_core.web.live import LiveCalls

__all__ = ["Context", "LiveCalls", "create_app"]
