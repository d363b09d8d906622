"""The model calls a tool with arguments that the tool's own schema does not allow."""

from __future__ import annotations

from typing import Any

from arc_protocol.detection import reasons
from arc_protocol.detection.exchange import Exchange
from arc_protocol.detection.schemas import allows

PRECEDENCE = 60


def detect(exchange: Exchange) -> bool:
    """Tell whether a whole call has arguments that are no JSON object or break the schema."""
    return any(
        output.finish_reason.lower() in reasons.MALFORMED
        or (
            output.finish_reason.lower() not in reasons.TRUNCATED
            and any(_broken(exchange.tools.get(each.name), each.arguments) for each in output.calls)
        )
        for output in exchange.outputs
    )


def _broken(schema: Any, arguments: Any) -> bool:
    if not isinstance(schema, dict):
        return False  # a tool without schema, or one that takes free text
    if arguments is None or arguments == "":
        arguments = {}  # what many servers send for a tool without parameters
    return not isinstance(arguments, dict) or not allows(schema, arguments)
