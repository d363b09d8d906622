"""A conversation begins anew in the middle of a run: all that was found out is lost."""

from __future__ import annotations

from collections.abc import Sequence

from arc_protocol.turns import Turn

PRECEDENCE = 30

_GROWN = 4
"""Messages that a conversation must have had beyond its beginning, two turns of a model, before
its beginning counts as a loss. Several calls with one beginning, as for several tries at once, have
not lost anything."""


def detect(turns: Sequence[Turn]) -> bool:
    """Tell whether the last call is back at the beginning of a conversation that had gone on."""
    *earlier, latest = turns
    if latest.messages > latest.beginning:
        return False
    before = next((turn for turn in reversed(earlier) if turn.begin == latest.begin), None)
    return before is not None and before.messages >= latest.messages + _GROWN
