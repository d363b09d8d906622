"""The reply stopped at a limit of tokens."""

from __future__ import annotations

from arc_protocol.detection import reasons
from arc_protocol.detection.exchange import Exchange

PRECEDENCE = 40


def detect(exchange: Exchange) -> bool:
    """Tell whether a choice was cut off."""
    return any(each.finish_reason.lower() in reasons.TRUNCATED for each in exchange.outputs)
