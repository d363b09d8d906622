"""Which agent run a call is part of: the application says so, or its trace does."""

from __future__ import annotations

import contextvars
import sys
from typing import Any, Optional

SESSION: contextvars.ContextVar[Optional[str]] = contextvars.ContextVar("arc_session", default=None)
"""Name of the agent run to which the application says its calls belong."""


def current_run() -> Optional[str]:
    """Return the key of the run in whose context this is called; None for no run."""
    session = SESSION.get()
    if session is not None:
        return f"session:{session}"
    trace: Any = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return None
    span_context = trace.get_current_span().get_span_context()
    return f"trace:{span_context.trace_id:032x}" if span_context.is_valid else None
