"""The provider's filter took the reply away."""

from __future__ import annotations

from arc_protocol.detection import reasons
from arc_protocol.detection.exchange import Exchange

PRECEDENCE = 10


def detect(exchange: Exchange) -> bool:
    """Tell whether a choice was filtered."""
    return any(each.finish_reason.lower() in reasons.FILTERED for each in exchange.outputs)
