"""What a trial has shown survives as JSON, whole."""

from __future__ import annotations

import json

import pytest

from arc_core.registry.lifecycle import State
from arc_core.rollout.evidence.baseline import Baseline
from arc_core.rollout.outcomes import Outcome
from arc_core.rollout.progress import Progress
from arc_core.rollout.progress_json import from_json, to_json


def outcome(number: int, *, treated: bool, signature: str = "", stage: str = "canary") -> Outcome:
    return Outcome(
        cursor=f"{number}-{number:016x}",
        started_us=number,
        stage=stage,
        treated=treated,
        probability=0.5,
        failed=bool(signature),
        raised=bool(signature),
        signature=signature,
        duration_ms=100.0 + number,
        tokens=10,
        cost=12.0,
        received_us=number,
        transient=False,
    )


@pytest.mark.parametrize(
    "state",
    [
        *(State.SHADOW, State.RESCUE, State.CANARY),
        *(State.ACTIVE, State.DORMANT, State.PAUSED),
    ],
)
def test_what_is_kept_goes_on_as_if_nothing_had_happened(state: State) -> None:
    kept = Progress.of_evidence({"signature": "s", "matching": 20, "failed": 20})
    kept.enter(state, 0.5, 7)
    kept.proposed = {"to": "active", "share": 0.98, "reason": "r"}
    for number in range(1, 60):
        kept.observe(outcome(number, treated=number % 2 == 0, signature="s" * (number % 3 == 0)))
        again = from_json(json.loads(json.dumps(to_json(kept))))
        assert again == kept
        kept = again
    assert kept.cursor == f"59-{59:016x}"


@pytest.mark.parametrize(
    ("matching", "failed", "sure"), [(9, 9, False), (10, 10, True), (100, 99, False)]
)
def test_a_failure_is_sure_when_enough_recorded_calls_had_it_all(
    matching: int, failed: int, sure: bool
) -> None:
    evidence = {"signature": "s", "matching": matching, "failed": failed}
    assert Progress.of_evidence(evidence).deterministic is sure


def test_few_healthy_calls_say_nothing_about_what_is_slow() -> None:
    baseline = Baseline()
    for _ in range(19):
        baseline.observe(100.0)
    assert not baseline.exceeded(1000.0)
    baseline.observe(100.0)
    assert baseline.exceeded(1000.0)
    assert not baseline.exceeded(100.0)
