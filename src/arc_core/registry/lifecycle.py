"""The life-cycle of a pattern: its states, and which may follow which."""

from __future__ import annotations

from enum import Enum

from arc_core.registry.errors import IllegalMoveError
from arc_protocol.patterns.built_in import BUILT_IN


class State(str, Enum):
    """Where a pattern is in its life."""

    CANDIDATE = "candidate"
    """Proposed; known to Core alone."""
    SHADOW = "shadow"
    """Matched and counted, nothing is changed."""
    RESCUE = "rescue"
    """Tried on calls that have already failed."""
    CANARY = "canary"
    """Tried on a part of the calls before they are sent."""
    ACTIVE = "active"
    """In force."""
    PAUSED = "paused"
    """Taken out of force by a person, for the time being."""
    DORMANT = "dormant"
    """No longer needed; back at once if the failure returns."""
    RETIRED = "retired"
    """Not needed for long."""
    INCONCLUSIVE = "inconclusive"
    """The trial could not show whether it helps."""
    REJECTED = "rejected"
    """Refused before it was in force; this revision never comes back."""
    ROLLED_BACK = "rolled_back"
    """Withdrawn as it did harm or no good; this revision never comes back."""


IN_FORCE = frozenset({State.ACTIVE})
"""States in which the fix is applied to all calls, but for those that are held back."""

PUBLISHED = frozenset(
    {State.SHADOW, State.RESCUE, State.CANARY, State.ACTIVE, State.DORMANT},
)
"""States whose patterns Runtimes get; on trial, with the share of calls that gets the fix. A
dormant pattern is matched as in shadow, or nobody would see that its failure returns."""

_STOPPED = frozenset({State.PAUSED, State.RETIRED})
"""States in which a pattern under the name of one that is built into Runtimes stops that."""

ENTRIES = frozenset({State.CANDIDATE, State.SHADOW, State.ACTIVE})
"""States in which a new revision may begin."""

MOVES: dict[State, frozenset[State]] = {
    State.CANDIDATE: frozenset({State.SHADOW, State.ACTIVE, State.REJECTED}),
    State.SHADOW: frozenset(
        {
            *(State.RESCUE, State.CANARY, State.ACTIVE),
            *(State.PAUSED, State.REJECTED, State.INCONCLUSIVE),
        }
    ),
    State.RESCUE: frozenset(
        {State.CANARY, State.ACTIVE, State.PAUSED, State.REJECTED, State.INCONCLUSIVE}
    ),
    State.CANARY: frozenset({State.ACTIVE, State.PAUSED, State.ROLLED_BACK, State.INCONCLUSIVE}),
    State.ACTIVE: frozenset({State.PAUSED, State.DORMANT, State.RETIRED, State.ROLLED_BACK}),
    State.PAUSED: frozenset(
        {
            *(State.SHADOW, State.RESCUE, State.CANARY, State.ACTIVE, State.DORMANT),
            *(State.RETIRED, State.ROLLED_BACK),
        }
    ),
    State.DORMANT: frozenset({State.ACTIVE, State.PAUSED, State.RETIRED, State.ROLLED_BACK}),
    State.RETIRED: frozenset({State.SHADOW, State.ACTIVE}),
    State.INCONCLUSIVE: frozenset({State.SHADOW, State.CANARY, State.RETIRED, State.REJECTED}),
    State.REJECTED: frozenset(),
    State.ROLLED_BACK: frozenset(),
}
"""Which states may follow each; a person may promote before the evidence does."""


def is_published(name: str, state: State) -> bool:
    """Tell whether Runtimes get a pattern of this name and state.

    What is left out is not in force there, but for a built-in pattern: that is stopped by one of
    its name which is matched as in shadow.
    """
    return state in PUBLISHED or (state in _STOPPED and name in BUILT_IN)


def check_move(name: str, origin: State, to: State) -> None:
    """Raise `IllegalMoveError` if a pattern may not go from one state to the other."""
    following = MOVES[origin]
    if to in following:
        return
    if to is origin and following:
        raise IllegalMoveError(f'Pattern "{name}" is {origin.value} already.')
    if following:
        ways = ", ".join(sorted(state.value for state in following))
        raise IllegalMoveError(
            f'Pattern "{name}" is {origin.value} and cannot become {to.value}; '
            f"it can become: {ways}."
        )
    raise IllegalMoveError(
        f'Pattern "{name}" is {origin.value}, which is final for this revision; '
        "add a changed one, which begins anew."
    )


def check_entry(name: str, current: State | None, entry: State) -> None:
    """Raise `IllegalMoveError` if a new revision may not begin in a state.

    The revision that is in force gives way only to one that is in force: a trial under the same
    name would silently withdraw it.
    """
    if entry not in ENTRIES:
        ways = ", ".join(sorted(state.value for state in ENTRIES))
        raise IllegalMoveError(
            f'Pattern "{name}" cannot begin as {entry.value}; it can begin as: {ways}.'
        )
    if current in IN_FORCE and entry not in IN_FORCE:
        raise IllegalMoveError(
            f'Pattern "{name}" is in force, and a revision that begins as {entry.value} would '
            "withdraw it; add it under another name, or pause this one first."
        )
