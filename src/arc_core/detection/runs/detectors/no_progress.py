"""Calls go on, and neither what is asked nor what is answered is new: a loop of any shape."""

from __future__ import annotations

from collections.abc import Sequence

from arc_protocol.turns import Turn

PRECEDENCE = 20

_TIMES = 4
"""Calls in a row without anything new: fewer may be a second look."""


def detect(turns: Sequence[Turn]) -> bool:
    """Tell whether the last calls have said nothing that was not said in the run before."""
    latest = turns[-1]
    if sum(turn.news == latest.news for turn in turns) < 2:
        return False  # as nearly always, and quicker to see
    asked: set[str] = set()
    answered: set[str] = set()
    idle = 0
    for turn in turns:
        idle = idle + 1 if turn.news in asked and turn.reply in answered else 0
        asked.add(turn.news)
        answered.add(turn.reply)
    return idle >= _TIMES
