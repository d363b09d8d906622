"""JSON was asked for, and something else came."""

from __future__ import annotations

import json

from arc_protocol.detection import reasons
from arc_protocol.detection.exchange import Exchange, Output

PRECEDENCE = 70


def detect(exchange: Exchange) -> bool:
    """Tell whether a whole choice is no JSON although it should be."""
    return exchange.wants_json and any(map(_no_json, exchange.outputs))


def _no_json(output: Output) -> bool:
    if output.refusal or output.calls or not output.text.strip():
        return False
    if output.finish_reason.lower() not in reasons.WHOLE:
        return False  # cut off: that is the failure, and this its consequence
    try:
        json.loads(output.text)
    except (ValueError, RecursionError):
        return True
    return False
