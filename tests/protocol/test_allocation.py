"""Patterns on trial: a share of the matching calls gets the fix."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any, Dict, Optional

import pytest

from arc_protocol.errors import PatternError
from arc_protocol.patterns import Decision, Origin, Pattern, PatternSet
from arc_protocol.patterns.allocation import WHOLE, Allocation

HOT = {"model": "m", "temperature": 1.5}
SIMPLE: Dict[str, Any] = {"temperature": 0.7}
ELABORATE: Dict[str, Any] = {"temperature": {"clamp": {"high": 0.7}}}


def on_trial(
    stage: str, treat: int, fix: Dict[str, Any], until_ms: Optional[int] = None, name: str = "cool"
) -> Pattern:
    return Pattern.parse(
        {
            "name": name,
            "pattern": {"temperature": {">": 1}},
            "fix": fix,
            "allocation": Allocation(stage, treat, until_ms).to_json(),
        },
        origin=Origin.PUSHED,
        revision=3,
    )


def decided(*patterns: Pattern) -> Optional[Decision]:
    return PatternSet(patterns).decide("openai", "chat", HOT)


@pytest.mark.parametrize("fix", [SIMPLE, ELABORATE], ids=["simple", "elaborate"])
def test_the_share_of_calls_that_is_asked_for_is_treated(fix: Dict[str, Any]) -> None:
    """Treated calls are fixed, the others are sent as they are; each knows its arm."""
    patterns = PatternSet([on_trial("canary", WHOLE // 4, fix)])
    arms: Counter[str] = Counter()
    for _ in range(2000):
        decision = patterns.decide("openai", "chat", HOT)
        assert decision is not None
        assert decision.assignment is not None
        pattern, stage, arm, probability = decision.assignment
        assert (pattern.name, pattern.revision, stage, probability) == ("cool", 3, "canary", 0.25)
        assert decision.body["temperature"] == (0.7 if arm == "treated" else 1.5)
        assert bool(decision.applied) == (arm == "treated")
        assert [each.name for each in decision.matched] == ["cool"]
        arms[arm] += 1
    assert 400 < arms["treated"] < 600  # five standard deviations and more around 500
    assert arms["treated"] + arms["control"] == 2000


@pytest.mark.parametrize("fix", [SIMPLE, ELABORATE], ids=["simple", "elaborate"])
def test_in_the_shadow_nothing_is_changed(fix: Dict[str, Any]) -> None:
    """The match is told, whatever the share."""
    decision = decided(on_trial("shadow", WHOLE, fix))
    assert decision is not None
    assert decision.assignment is not None
    assert decision.assignment.arm == "shadow"
    assert (decision.body, decision.applied) == (HOT, ())


@pytest.mark.parametrize("fix", [SIMPLE, ELABORATE], ids=["simple", "elaborate"])
def test_a_trial_ends_by_itself_when_nobody_renews_it(fix: Dict[str, Any]) -> None:
    """Without Core an experiment is over; a pattern in force stays."""
    past = int(time.time() * 1000) - 1
    over = decided(on_trial("canary", WHOLE, fix, past))
    assert over is None or (over.body is HOT and over.assignment is None and not over.matched)
    stays = decided(on_trial("active", WHOLE, fix, past))
    assert stays is not None
    assert stays.body["temperature"] == 0.7


def test_a_call_is_part_of_one_trial_only() -> None:
    """The one that goes first; the other does as if it were not there."""
    first, second = on_trial("canary", 0, SIMPLE, name="b"), on_trial("canary", WHOLE, SIMPLE)
    decision = decided(second, first)
    assert decision is not None
    assert decision.assignment is not None
    assert (decision.assignment.pattern, decision.assignment.arm) == (first, "control")
    assert [each.name for each in decision.matched] == ["b"]
    assert decision.body is HOT


@pytest.mark.parametrize("shadow_goes_first", [True, False])
def test_what_is_only_watched_keeps_no_fix_from_being_tried(shadow_goes_first: bool) -> None:
    """A newer pattern in the shadow would otherwise starve the trial of an older one."""
    watched, tried = on_trial("shadow", 0, SIMPLE, name="b"), on_trial("canary", WHOLE, SIMPLE)
    decision = decided(*((tried, watched) if shadow_goes_first else (watched, tried)))
    assert decision is not None
    assert decision.assignment is not None
    assert decision.assignment.pattern is tried
    assert decision.body["temperature"] == 0.7


@pytest.mark.parametrize("treat", [0, WHOLE])
def test_a_fix_in_force_stays_so_during_the_trial_of_another(treat: int) -> None:
    """Its calls are not held back then, or they would fail in both arms of the other's trial."""
    proven = on_trial("active", 0, {"top_p": 1}, name="b")
    tried = on_trial("canary", treat, SIMPLE)
    for order in ((proven, tried), (tried, proven)):
        decision = decided(*order)
        assert decision is not None
        assert decision.assignment is not None
        assert decision.assignment.pattern is tried
        assert decision.body["top_p"] == 1
        assert decision.body["temperature"] == (0.7 if treat else 1.5)


def test_a_set_with_another_share_is_another_set() -> None:
    """Its revision on the spans must tell which shares were in force."""
    sets = [PatternSet([on_trial("canary", share, SIMPLE)]) for share in (1, 1, 2)]
    assert sets[0].revision == sets[1].revision != sets[2].revision


def test_json_form() -> None:
    """What is sent comes back; what is wrong is refused with a sentence."""
    for allocation in (Allocation("canary", 5, 7), Allocation("active", WHOLE)):
        assert Allocation.parse(allocation.to_json()) == allocation
    for wrong in ({"stage": "x", "treat": 1}, {"stage": "canary", "treat": -1}):
        with pytest.raises(PatternError, match="allocation"):
            Allocation.parse(wrong)
