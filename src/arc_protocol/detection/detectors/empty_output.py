"""The reply has nothing in it, as when thinking took all the tokens."""

from __future__ import annotations

from arc_protocol.detection import reasons
from arc_protocol.detection.exchange import Exchange, Output

PRECEDENCE = 30

_SPEAKING = ("chat", "text_completion", "generate_content")


def detect(exchange: Exchange) -> bool:
    """Tell whether a choice that has ended has no text, no call of a tool and nothing else."""
    return exchange.operation in _SPEAKING and any(map(_empty, exchange.outputs))


def _empty(output: Output) -> bool:
    ended = output.finish_reason.lower() in reasons.WHOLE | reasons.TRUNCATED
    return ended and not (output.text.strip() or output.calls or output.other)
