"""The same call of a tool again and again, also where no call shows the model the ones before."""

from __future__ import annotations

from collections.abc import Sequence

from arc_protocol.turns import Turn

PRECEDENCE = 10

_TIMES = 3
"""Equal calls that are a loop: twice may be looking again."""


def detect(turns: Sequence[Turn]) -> bool:
    """Tell whether the last call asks for a tool as two others did since a person last spoke."""
    *earlier, latest = turns
    if not latest.tools or _interrupted(latest):
        return False
    counts = dict.fromkeys(latest.tools, 1)
    for turn in reversed(earlier):
        for tool in turn.tools:
            if tool in counts:
                counts[tool] += 1
        if _interrupted(turn):
            break
    return any(count >= _TIMES for count in counts.values())


def _interrupted(turn: Turn) -> bool:
    """Tell whether somebody speaks in the middle of a conversation: what follows is asked anew."""
    return turn.spoken and turn.messages > turn.beginning
