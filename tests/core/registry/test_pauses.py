"""Pausing one pattern or all of them, and going on where each was."""

from __future__ import annotations

from datetime import datetime

import pytest

from arc_core.registry.errors import IllegalMoveError, UnknownPatternError
from arc_core.registry.lifecycle import State
from arc_core.registry.registry import Registry
from arc_protocol.patterns import Origin, Pattern
from arc_protocol.patterns.allocation import ACTIVE, CANARY, WHOLE, Allocation
from arc_protocol.patterns.built_in import BUILT_IN
from core.registry.conftest import Clock
from core.registry.documents import hot

WHO = {"author": "ada", "reason": "because"}
(OURS,) = BUILT_IN


def states(registry: Registry) -> dict[str, State]:
    return {each.name: each.state for each in registry.patterns("p")}


def on_trial(registry: Registry, name: str, state: State, share: Allocation | None = None) -> None:
    registry.add_pattern("p", hot(name), author="learner", state=State.SHADOW)
    if state is not State.SHADOW:
        registry.transition("p", name, State.ACTIVE, **WHO)
    if state is State.DORMANT:
        registry.transition("p", name, state, **WHO)
    elif share is not None:
        registry.transition("p", name, State.ACTIVE, **WHO, allocation=share)


def canary(registry: Registry, name: str, lease_ms: int) -> Allocation:
    """Put a pattern in a canary of a tenth."""
    share = Allocation(CANARY, WHOLE // 10, lease_ms)
    registry.add_pattern("p", hot(name), author="learner", state=State.SHADOW)
    registry.transition("p", name, State.CANARY, **WHO, allocation=share)
    return share


def test_a_resumed_pattern_is_where_it_was_with_the_share_that_it_had(registry: Registry) -> None:
    """A trial that somebody stopped for a moment must not come back in full force."""
    held_back = Allocation(ACTIVE, WHOLE // 50 * 49)
    on_trial(registry, "active", State.ACTIVE, held_back)
    on_trial(registry, "shadow", State.SHADOW)
    on_trial(registry, "dormant", State.DORMANT)
    before = states(registry)
    for name in before:
        registry.transition("p", name, State.PAUSED, **WHO)
    assert not registry.pattern_set("p").entries
    for name in before:
        registry.resume("p", name, **WHO)
    assert states(registry) == before
    assert registry.pattern("p", "active").allocation == held_back.to_json()


def test_a_canary_has_as_much_of_its_lease_left_as_when_it_was_paused(
    registry: Registry, clock: Clock
) -> None:
    now_ms = int(clock().timestamp() * 1000)
    share = canary(registry, "a", now_ms + 60_000)
    registry.transition("p", "a", State.PAUSED, **WHO)
    clock.advance(hours=2)
    resumed = registry.resume("p", "a", **WHO)
    assert resumed.state is State.CANARY
    later = {**share.to_json(), "valid_until_ms": now_ms + 60_000 + 2 * 3_600_000}
    assert resumed.allocation == later


def test_what_is_not_paused_is_put_in_force(registry: Registry) -> None:
    registry.add_pattern("p", hot("a"), author="ada")
    registry.transition("p", "a", State.RETIRED, **WHO)
    assert registry.resume("p", "a", **WHO).state is State.ACTIVE
    with pytest.raises(IllegalMoveError, match="active already"):
        registry.resume("p", "a", **WHO)


def test_a_built_in_pattern_is_stopped_by_one_of_core_that_changes_nothing(
    registry: Registry,
) -> None:
    """A pushed pattern goes before a built-in one of the same name, in every Runtime there is."""
    with pytest.raises(UnknownPatternError, match=f"built into .* `arc patterns pause {OURS}`"):
        registry.pattern("p", OURS)
    paused = registry.transition("p", OURS, State.PAUSED, **WHO)
    assert (paused.state, paused.author) == (State.PAUSED, "ada")
    (entry,) = registry.pattern_set("p").entries
    pattern = Pattern.parse(entry.document, origin=Origin.PUSHED)
    assert entry.name == OURS
    assert pattern.allocation == Allocation("shadow", 0)
    registry.resume("p", OURS, **WHO)
    (entry,) = registry.pattern_set("p").entries
    assert entry.document == BUILT_IN[OURS]
    registry.transition("p", OURS, State.PAUSED, **WHO)
    assert registry.pattern_set("p").version == 3


def test_all_are_stopped_in_one_version_and_come_back_as_they_were(
    registry: Registry, clock: Clock
) -> None:
    held_back = Allocation(ACTIVE, WHOLE // 50 * 49)
    on_trial(registry, "active", State.ACTIVE, held_back)
    on_trial(registry, "dormant", State.DORMANT)
    registry.add_pattern("p", hot("mine"), author="ada")
    registry.add_pattern("p", hot("idea"), author="learner", state=State.CANDIDATE)
    registry.add_pattern("p", hot("off"), author="ada")
    registry.transition("p", "off", State.PAUSED, **WHO)
    before, version = states(registry), registry.pattern_set("p").version
    stopped_at: datetime = clock()
    paused = registry.stop("p", **WHO)
    assert {each.name for each in paused} == {"active", "dormant", "mine", OURS}
    published = registry.pattern_set("p")
    assert [entry.name for entry in published.entries] == [OURS]
    assert published.version == version + 1
    stop = registry.current_stop("p")
    assert stop is not None
    assert (stop.at, stop.author, stop.reason) == (stopped_at, "ada", "because")
    assert registry.current_stop("other") is None
    clock.advance(minutes=5)
    resumed = registry.end_stop("p", author="bob", reason="well again")
    assert {each.name for each in resumed} == {"active", "dormant", "mine", OURS}
    assert states(registry) == {**before, OURS: State.ACTIVE}
    assert registry.pattern("p", "active").allocation == held_back.to_json()
    assert registry.pattern_set("p").version == version + 2
    assert registry.current_stop("p") is None
    *_, down, up = registry.history("p", "mine")
    assert (down.to_state, down.author, down.set_version) == (State.PAUSED, "ada", version + 1)
    assert (up.to_state, up.author, up.reason) == (State.ACTIVE, "bob", "well again")


def test_a_stop_that_is_repeated_takes_what_came_since_and_ends_once(
    registry: Registry, clock: Clock
) -> None:
    registry.add_pattern("p", hot("a"), author="ada")
    registry.stop("p", **WHO)
    clock.advance(minutes=1)
    registry.add_pattern("p", hot("b"), author="ada")
    assert [each.name for each in registry.stop("p", author="bob", reason="")] == ["b"]
    stop = registry.current_stop("p")
    assert stop is not None
    assert stop.author == "ada"
    assert {each.name for each in registry.end_stop("p", **WHO)} == {"a", "b", OURS}
    with pytest.raises(IllegalMoveError, match="not stopped"):
        registry.end_stop("p", **WHO)


def test_what_a_person_paused_again_during_a_stop_stays_paused(registry: Registry) -> None:
    registry.add_pattern("p", hot("a"), author="ada")
    registry.stop("p", **WHO)
    registry.resume("p", "a", **WHO)
    registry.transition("p", "a", State.PAUSED, **WHO)
    registry.end_stop("p", **WHO)
    assert registry.pattern("p", "a").state is State.PAUSED


def test_no_trial_goes_on_while_all_is_stopped(registry: Registry) -> None:
    """Core's own steps say what they have seen; a person's need not."""
    candidate = registry.add_pattern("p", hot("a"), author="learner", state=State.CANDIDATE)
    registry.stop("p", **WHO)
    with pytest.raises(IllegalMoveError, match="`arc patterns resume --all`"):
        registry.transition("p", "a", State.SHADOW, **WHO, seen=candidate)
    registry.end_stop("p", **WHO)
    assert registry.transition("p", "a", State.SHADOW, **WHO, seen=candidate)


def test_a_withdrawn_pattern_of_a_built_in_name_does_not_let_the_built_in_one_go_on(
    registry: Registry,
) -> None:
    registry.add_pattern("p", hot(OURS), author="ada", state=State.SHADOW)
    registry.transition("p", OURS, State.REJECTED, **WHO)
    assert not registry.pattern_set("p").entries
    registry.stop("p", **WHO)
    (entry,) = registry.pattern_set("p").entries
    assert entry.document["fix"] == BUILT_IN[OURS]["fix"]
    assert entry.revision == 2
