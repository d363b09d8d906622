"""What the HTTP interface works with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from arc_core.rollout.settings import RolloutSettings
from arc_core.web.live import LiveCalls

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from starlette.routing import BaseRoute

    from arc_core.access import Gate
    from arc_core.registry.registry import Registry
    from arc_core.storage import CallStore


def _now() -> datetime:
    return datetime.now(timezone.utc)


@dataclass(frozen=True)
class Context:
    """The parts of Core that the interface shows, and how it is opened."""

    store: CallStore
    registry: Registry
    live: LiveCalls
    metrics: CollectorRegistry
    unready: Callable[[], str | None]
    """Says in a sentence why Core cannot take calls now; None when it can. May block."""
    gate: Gate
    """Tells who calls."""
    rollout: RolloutSettings = field(default_factory=RolloutSettings)
    routes: Sequence[BaseRoute] = ()
    """Further routes, which look after keys themselves."""
    described: Mapping[str, Any] = field(default_factory=dict)
    """What the OpenAPI description says of their paths."""
    now: Callable[[], datetime] = _now
    started_at: datetime = field(default_factory=_now)
