"""The model calls a tool that does not exist."""

from __future__ import annotations

from arc_protocol.detection.exchange import Exchange

PRECEDENCE = 50


def detect(exchange: Exchange) -> bool:
    """Tell whether a tool is called that the request did not offer."""
    tools = exchange.tools
    return bool(tools) and any(
        call.name not in tools for output in exchange.outputs for call in output.calls
    )
