"""The states that commands know."""

from __future__ import annotations

from arc_cli.states import STATES
from arc_core.registry.lifecycle import State


def test_commands_know_the_states_of_core() -> None:
    """All of them, in the same order."""
    assert list(STATES) == [state.value for state in State]
