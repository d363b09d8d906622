"""Patterns on trial: what Runtimes get of them, and what is kept of the trial."""

from __future__ import annotations

import pytest

from arc_core.registry.errors import IllegalMoveError
from arc_core.registry.lifecycle import State
from arc_core.registry.registry import Registry
from arc_protocol.errors import PatternError
from arc_protocol.patterns.allocation import WHOLE, Allocation
from arc_protocol.wire import digests
from core.registry.documents import hot

WHO = {"author": "rollout", "reason": "because"}


def allocation_of(registry: Registry) -> object:
    [entry] = registry.pattern_set("p").entries
    assert entry.digest == digests.of_document(digests.canonical(entry.document))
    return entry.document.get("allocation")


def test_a_trial_is_published_with_its_share(registry: Registry) -> None:
    """From the shadow on Runtimes have the pattern; a pattern in force without one has all."""
    registry.add_pattern("p", hot("a"), author="learner", state=State.CANDIDATE)
    assert registry.pattern_set("p").entries == ()
    registry.transition("p", "a", State.SHADOW, **WHO)
    assert allocation_of(registry) == {"stage": "shadow", "treat": 0}
    share = Allocation("canary", WHOLE // 2, 1_900_000_000_000)
    registry.transition("p", "a", State.CANARY, **WHO, allocation=share)
    assert allocation_of(registry) == share.to_json()
    registry.transition("p", "a", State.ACTIVE, **WHO)
    assert allocation_of(registry) is None


def test_another_share_is_a_step_and_a_version(registry: Registry) -> None:
    """The state stays; who did it, why, and by what evidence is in the history."""
    registry.add_pattern("p", hot("a"), author="learner", state=State.SHADOW)
    registry.transition("p", "a", State.CANARY, **WHO, allocation=Allocation("canary", 1))
    before = registry.pattern_set("p")
    registry.transition(
        "p", "a", State.CANARY, **WHO, evidence={"e": 3}, allocation=Allocation("canary", 2)
    )
    after = registry.pattern_set("p")
    assert (after.version, after.digest != before.digest) == (before.version + 1, True)
    step = registry.history("p", "a")[-1]
    assert (step.from_state, step.to_state) == (State.CANARY, State.CANARY)
    assert (step.evidence, step.set_version) == ({"e": 3}, after.version)
    with pytest.raises(IllegalMoveError):
        registry.transition("p", "a", State.CANARY, **WHO)


def test_a_trial_goes_on_with_another_content(registry: Registry) -> None:
    """It keeps its state, its share and its author; who has moved it since is not overruled."""
    registry.add_pattern("p", hot("a"), author="learner", state=State.SHADOW)
    share = Allocation("canary", WHOLE // 2)
    seen = registry.transition("p", "a", State.CANARY, **WHO, allocation=share)
    hotter = {**hot("a"), "pattern": {"temperature": {">": 1.2}}}
    revised = registry.revise(seen, hotter, reason="narrower", evidence={"e": 4})
    assert (revised.revision, revised.state, revised.author) == (2, State.CANARY, "learner")
    assert allocation_of(registry) == share.to_json()
    assert registry.pattern_set("p").entries[0].document["pattern"] == hotter["pattern"]
    assert registry.history("p", "a")[-1].reason == "narrower"
    assert (revised.evidence, registry.count_moves("p", State.CANARY)) == ({"e": 4}, 1)
    with pytest.raises(IllegalMoveError, match="revision 2, in the meantime"):
        registry.revise(seen, hot("a"), reason="r", evidence={})


def test_nobody_adds_a_pattern_with_a_share(registry: Registry) -> None:
    """The share is Core's to give."""
    document = {**hot("a"), "allocation": {"stage": "active", "treat": WHOLE}}
    with pytest.raises(PatternError, match="Core's own"):
        registry.add_pattern("p", document, author="ada")


def test_an_export_has_what_is_in_force_and_no_shares(registry: Registry) -> None:
    """What is on trial here has not been proven anywhere else."""
    registry.add_pattern("p", hot("a"), author="ada", state=State.SHADOW)
    registry.add_pattern("p", hot("b"), author="ada")
    registry.add_pattern("p", hot("c"), author="ada", state=State.SHADOW)
    registry.transition("p", "c", State.ACTIVE, **WHO, allocation=Allocation("active", WHOLE - 9))
    assert registry.export_patterns("p") == [hot("b"), hot("c")]


def test_the_state_of_a_trial_is_kept_per_revision(registry: Registry) -> None:
    """A restart goes on where it was; a new revision begins anew."""
    registry.add_pattern("p", hot("a"), author="ada", state=State.SHADOW)
    assert registry.progress("p", "a") is None
    for progress in ({"calls": [1, 2]}, {"calls": [3, 4]}):
        registry.keep_progress("p", "a", 1, progress)
        assert registry.progress("p", "a") == progress
    registry.add_pattern("p", hot("a", 0.1), author="ada", state=State.SHADOW)
    assert registry.progress("p", "a") is None
    registry.keep_progress("p", "nobody", 1, {})
