"""Each call of a trial tells its arm, and the probability with which that was drawn."""

from __future__ import annotations

from typing import Any, Dict

import pytest

from arc_protocol.patterns.allocation import WHOLE
from runtime._telemetry.description import describe
from runtime._telemetry.description import told as told_to_people
from telemetry.calls import finished_call


def told(stage: str, treat: int, *, enforced: bool = True) -> Dict[str, Any]:
    document = {
        "name": "cooler",
        "pattern": {"temperature": {">": 0.9}},
        "fix": {"temperature": 0.7},
        "allocation": {"stage": stage, "treat": treat},
    }
    attributes = describe(finished_call(document, enforced=enforced)).attributes
    prefix = "arc.rollout."
    return {
        name[len(prefix) :]: value for name, value in attributes.items() if name.startswith(prefix)
    }


@pytest.mark.parametrize(
    ("stage", "treat", "arm", "probability"),
    [
        ("canary", WHOLE, "treated", 1.0),
        ("canary", 0, "control", 0.0),
        ("active", WHOLE, "treated", 1.0),
        ("shadow", 0, "shadow", 0.0),
    ],
)
def test_a_call_of_a_trial_tells_its_arm(
    stage: str, treat: int, arm: str, probability: float
) -> None:
    expected = {"id": "cooler@3", "stage": stage, "arm": arm, "probability": probability}
    assert told(stage, treat) == expected


@pytest.mark.parametrize(
    ("stage", "treat", "enforced", "outcome"),
    [
        ("canary", WHOLE, True, "applied"),
        ("canary", 0, True, "skipped_control"),
        ("shadow", 0, True, "shadow"),
        ("rescue", 0, True, "shadow"),
        ("canary", WHOLE, False, "shadow"),
        ("canary", 0, False, "shadow"),
    ],
)
def test_what_became_of_the_fix_in_a_trial(
    stage: str, treat: int, enforced: bool, outcome: str
) -> None:
    """A call that was left alone on purpose is told from one that no fix concerned."""
    document = {
        "name": "cooler",
        "pattern": {"temperature": {">": 0.9}},
        "fix": {"temperature": 0.7},
        "allocation": {"stage": stage, "treat": treat},
    }
    described = describe(finished_call(document, enforced=enforced))
    assert described.attributes["arc.fix.outcome"] == outcome
    assert "cooler" in told_to_people(described)


def test_tools_for_feature_flags_see_the_arm() -> None:
    """They compare the variants of a flag, and know nothing of Arc."""
    document = {
        "name": "cooler",
        "pattern": {"temperature": {">": 0.9}},
        "fix": {"temperature": 0.7},
        "allocation": {"stage": "canary", "treat": 0},
    }
    attributes = describe(finished_call(document)).attributes
    flag = {name: value for name, value in attributes.items() if name.startswith("feature_flag.")}
    assert flag == {
        "feature_flag.key": "arc.cooler",
        "feature_flag.result.variant": "control",
        "feature_flag.provider.name": "arc",
    }


def test_the_probability_is_that_of_the_coin() -> None:
    assert told("canary", WHOLE // 4)["probability"] == 0.25


def test_what_is_only_observed_counts_for_no_arm() -> None:
    """In the mode `observe` nothing is changed, so that no call is a treated one."""
    expected = {"id": "cooler@3", "stage": "canary", "arm": "shadow", "probability": 0.0}
    assert told("canary", WHOLE, enforced=False) == expected


def test_a_pattern_that_is_not_on_trial_says_nothing() -> None:
    document = {"pattern": {"temperature": {">": 0.9}}, "fix": {"temperature": 0.7}}
    names = describe(finished_call(document)).attributes
    assert not [name for name in names if name.startswith("arc.rollout.")]
