"""Patterns on trial: a share of the matching calls gets the fix."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any, Dict, Optional, Set

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
        pattern, stage, arm, probability, unit_hash = decision.assignment
        assert unit_hash is None
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
    for allocation in (
        Allocation("canary", 5, 7),
        Allocation("active", WHOLE),
        Allocation("canary", 5, 7, "run", "cool@3/canary"),
    ):
        assert Allocation.parse(allocation.to_json()) == allocation
    for wrong in (
        {"stage": "x", "treat": 1},
        {"stage": "canary", "treat": -1},
        {"stage": "canary", "treat": 1, "unit": "block", "salt": "s"},
        {"stage": "canary", "treat": 1, "unit": "run"},
        {"stage": "canary", "treat": 1, "salt": "s"},
        {"stage": "canary", "treat": 1, "block_s": 300},
    ):
        with pytest.raises(PatternError, match="allocation"):
            Allocation.parse(wrong)


def test_an_assignment_of_calls_reads_as_it_did_before_there_were_runs() -> None:
    """A Runtime that knows calls alone takes it, and refuses one of runs for its unknown fields."""
    known_then = {"stage", "treat", "valid_until_ms"}
    assert Allocation("canary", 5, 7).to_json().keys() == known_then
    assert not Allocation("canary", 5, 7, "run", "s").to_json().keys() <= known_then


def of_runs(treat: int, salt: str = "cool@3/canary") -> PatternSet:
    document = Allocation("canary", treat, None, "run", salt).to_json()
    return PatternSet(
        [
            Pattern.parse(
                {
                    "name": "cool",
                    "pattern": {"temperature": {">": 1}},
                    "fix": SIMPLE,
                    "allocation": document,
                },
                origin=Origin.PUSHED,
            )
        ]
    )


def arms(patterns: PatternSet, number: int = 1000) -> Dict[str, str]:
    """Return the arm of each run, which all of its calls get."""
    found = {}
    for key in (f"trace:{place:032x}" for place in range(number)):
        drawn = {
            (decision.assignment.arm, decision.assignment.unit_hash, decision.body["temperature"])
            for decision in (
                patterns.decide("openai", "chat", HOT, lambda key=key: key) for _ in range(3)
            )
            if decision is not None and decision.assignment is not None
        }
        ((arm, unit_hash, temperature),) = drawn
        assert unit_hash is not None
        assert len(unit_hash) == 32
        assert temperature == (0.7 if arm == "treated" else 1.5)
        found[key] = arm
    return found


def treated(drawn: Dict[str, str]) -> Set[str]:
    return {key for key, arm in drawn.items() if arm == "treated"}


def test_all_calls_of_a_run_get_the_same_arm_and_a_larger_share_only_adds_runs() -> None:
    quarter, half = (treated(arms(of_runs(WHOLE // part))) for part in (4, 2))
    assert 180 < len(quarter) < 320  # five standard deviations around 250
    assert 420 < len(half) < 580
    assert quarter < half


def test_arms_of_different_trials_are_independent() -> None:
    """Knowing that a run is treated in one trial tells nothing about another."""
    one, other = (treated(arms(of_runs(WHOLE // 2, salt))) for salt in ("a", "b"))
    assert 180 < len(one & other) < 320


def test_a_call_outside_of_any_run_is_a_run_of_its_own() -> None:
    """Also where whoever knows the run fails to say it."""

    def broken() -> str:
        raise RuntimeError

    patterns = of_runs(WHOLE // 2)
    for run in (None, lambda: None, broken):
        decisions = [patterns.decide("openai", "chat", HOT, run) for _ in range(100)]
        assignments = [each.assignment for each in decisions if each is not None]
        assert len({each.unit_hash for each in assignments if each is not None}) == 100
        assert {each.arm for each in assignments if each is not None} == {"treated", "control"}
