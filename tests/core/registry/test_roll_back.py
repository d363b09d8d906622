from __future__ import annotations

import pytest

from arc_core.registry.errors import IllegalMoveError
from arc_core.registry.lifecycle import State
from arc_core.registry.registry import Registry
from core.registry.documents import hot

WHO = {"author": "ada", "reason": "it harms"}


def _fix(registry: Registry) -> object:
    """Return what the pattern in force sets."""
    (entry,) = registry.pattern_set("p").entries
    return entry.document["fix"]["temperature"]


def test_the_revision_before_is_in_force_again_as_a_new_one(registry: Registry) -> None:
    first = registry.add_pattern("p", hot("cool", 0.1), author="ada")
    registry.add_pattern("p", hot("cool", 0.2), author="bob")
    back = registry.roll_back("p", "cool", **WHO)
    assert (back.revision, back.state, back.document) == (3, State.ACTIVE, first.document)
    assert back.digest == first.digest
    assert _fix(registry) == 0.1
    assert registry.pattern_set("p").version == 3
    assert [(e.revision, e.to_state, e.set_version) for e in registry.history("p", "cool")] == [
        (1, State.ACTIVE, 1),
        (2, State.ACTIVE, 2),
        (2, State.ROLLED_BACK, 3),
        (3, State.ACTIVE, 3),
    ]


def test_going_back_twice_never_brings_back_what_was_withdrawn(registry: Registry) -> None:
    for to in (0.1, 0.2, 0.3):
        registry.add_pattern("p", hot("cool", to), author="ada")
    registry.roll_back("p", "cool", **WHO)
    assert _fix(registry) == 0.2
    registry.roll_back("p", "cool", **WHO)
    assert _fix(registry) == 0.1
    with pytest.raises(IllegalMoveError, match="no revision that was in force before revision 5"):
        registry.roll_back("p", "cool", **WHO)
    assert _fix(registry) == 0.1
    registry.add_pattern("p", hot("cool", 0.4), author="ada")
    registry.roll_back("p", "cool", **WHO)
    assert _fix(registry) == 0.1


def test_a_revision_that_never_was_in_force_is_passed_over(registry: Registry) -> None:
    registry.add_pattern("p", hot("cool", 0.1), author="ada")
    registry.transition("p", "cool", State.PAUSED, **WHO)
    registry.add_pattern("p", hot("cool", 0.2), author="ada", state=State.CANDIDATE)
    registry.add_pattern("p", hot("cool", 0.3), author="ada")
    registry.roll_back("p", "cool", **WHO)
    assert _fix(registry) == 0.1


def test_what_was_withdrawn_by_a_step_can_be_replaced_by_its_predecessor(
    registry: Registry,
) -> None:
    registry.add_pattern("p", hot("cool", 0.1), author="ada")
    registry.add_pattern("p", hot("cool", 0.2), author="ada")
    registry.transition("p", "cool", State.ROLLED_BACK, **WHO)
    assert registry.pattern_set("p").entries == ()
    registry.roll_back("p", "cool", **WHO)
    assert _fix(registry) == 0.1


def test_a_single_revision_has_nothing_to_go_back_to(registry: Registry) -> None:
    registry.add_pattern("p", hot("cool"), author="ada")
    with pytest.raises(IllegalMoveError, match="pause or retire it instead"):
        registry.roll_back("p", "cool", **WHO)
    assert registry.pattern("p", "cool").state is State.ACTIVE


def test_what_is_retired_cannot_be_rolled_back(registry: Registry) -> None:
    registry.add_pattern("p", hot("cool", 0.1), author="ada")
    registry.add_pattern("p", hot("cool", 0.2), author="ada")
    registry.transition("p", "cool", State.RETIRED, **WHO)
    with pytest.raises(IllegalMoveError, match="is retired and cannot become rolled_back"):
        registry.roll_back("p", "cool", **WHO)
