"""How many learned patterns may change calls at the same time."""

from __future__ import annotations

from collections.abc import Iterable

from arc_core.registry.lifecycle import State
from arc_core.registry.records import PatternRecord

LEARNER = "learner"
"""Who writes the patterns that are tried without anybody's doing."""

CHANGES_CALLS = frozenset({State.RESCUE, State.CANARY, State.ACTIVE})
"""States in which calls get the fix."""


def crowded(patterns: Iterable[PatternRecord], name: str, most: int) -> str | None:
    """Say why one more learned pattern must not begin to change calls; None when it may."""
    busy = sum(
        each.author == LEARNER and each.state in CHANGES_CALLS and each.name != name
        for each in patterns
    )
    return f"{busy} learned patterns are in force or on trial" if busy >= most else None
