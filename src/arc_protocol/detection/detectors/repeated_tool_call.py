"""The model makes the same call of a tool again and again."""

from __future__ import annotations

import json
from typing import Any, Tuple

from arc_protocol.detection.exchange import Exchange, ToolCall

PRECEDENCE = 80

_TIMES = 3
"""Equal calls in one turn that are a loop: twice may be looking again."""


def detect(exchange: Exchange) -> bool:
    """Tell whether a call is made that was made twice since a person last spoke."""
    if not any(output.calls for output in exchange.outputs):
        return False
    earlier = [_key(call) for call in exchange.earlier]
    return any(
        ([*earlier, *(_key(each) for each in output.calls)]).count(_key(call)) >= _TIMES
        for output in exchange.outputs
        for call in output.calls
    )


def _key(call: ToolCall) -> Tuple[str, str]:
    return call.name, _same(call.arguments)


def _same(arguments: Any) -> str:
    try:
        return json.dumps(arguments, sort_keys=True, default=str)
    except (TypeError, ValueError, RecursionError):
        return str(type(arguments))
