"""Trials whose units are agent runs: each counts once, and its calls are no independent tries."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta

from arc_core.registry.lifecycle import State
from arc_core.rollout.evidence.assignment import AssignmentTest, Direction
from arc_core.rollout.outcomes import Outcome
from arc_core.rollout.progress import TARGET as THIS_FAILURE
from arc_core.rollout.progress import Progress
from arc_core.rollout.progress_json import from_json, to_json
from arc_core.rollout.settings import RolloutSettings
from core.rollout.world import PROJECT, TARGET, Provider, World

Make = Callable[..., World]
SECOND = 1_000_000
CALLS = 20


def believed(*, unit: str, runs: int, seed: int) -> bool:
    """Tell whether a fix that does nothing is ever believed at 5 %, looking after every unit.

    Whether calls fail is a property of their run: 15 % of the runs are bad, and fail in 60 % of
    their 20 calls, the others in 1 %.
    """
    draw = random.Random(seed)
    test = AssignmentTest(Direction.BENEFIT, prior_rate=0.1)
    for _ in range(runs):
        treated = draw.random() < 0.5
        rate = 0.6 if draw.random() < 0.15 else 0.01
        calls = [draw.random() < rate for _ in range(CALLS)]
        for failed in calls if unit == "call" else [any(calls)]:
            test.observe(treated=treated, failed=failed, probability=0.5)
            if test.reaches(20):
                return True
    return False


def test_counted_by_calls_a_useless_fix_is_believed_and_by_runs_it_is_not() -> None:
    """The method's figures for 150 runs: 69.7 % of the trials are wrong by calls, 3.1 % by runs."""
    wrong = {
        unit: sum(believed(unit=unit, runs=150, seed=seed) for seed in range(number)) / number
        for unit, number in (("call", 60), ("run", 400))
    }
    assert wrong["call"] > 0.5
    # the 3.1 % and three standard deviations of so few trials
    assert wrong["run"] <= 0.031 + 3 * (0.031 * 0.969 / 400) ** 0.5


def call(
    number: int,
    unit: str,
    *,
    at_s: float,
    treated: bool = False,
    signature: str = "",
    probability: float = 0.5,
) -> Outcome:
    return Outcome(
        cursor=f"{number}-{number:016x}",
        received_us=int(at_s * SECOND),
        started_us=int(at_s * SECOND),
        treated=treated,
        probability=probability,
        failed=bool(signature),
        signature=signature,
        transient=False,
        duration_ms=100.0,
        tokens=10,
        cost=10.0,
        unit=unit,
    )


def of_runs() -> Progress:
    progress = Progress.of_evidence(
        {"signature": TARGET, "kind": "repeated_tool_call", "matching": 100, "failed": 30}
    )
    progress.enter(State.CANARY, 0.5, 0)
    return progress


def test_a_run_counts_once_when_it_is_over_and_late_calls_do_not_count() -> None:
    """It failed if one of its calls had the failure; its arm is that of its first call."""
    progress = of_runs()
    progress.observe(call(1, "a", at_s=0, treated=True))
    progress.observe(call(2, "a", at_s=5, treated=True, signature=TARGET))
    progress.observe(call(3, "a", at_s=9, treated=True, signature="something else"))
    progress.observe(call(4, "b", at_s=10))
    assert not progress.settle(100 * SECOND)
    assert progress.calls == 0
    assert progress.settle(129 * SECOND)
    test = progress.benefit[THIS_FAILURE]
    assert (test.calls, test.failures) == ([0, 1], [0, 1])
    progress.observe(call(5, "a", at_s=131, treated=True))
    progress = from_json(to_json(progress))
    progress.observe(call(6, "a", at_s=132, treated=True))
    assert progress.settle(1000 * SECOND)
    test = progress.benefit[THIS_FAILURE]
    assert (test.calls, test.failures) == ([1, 1], [0, 1])
    assert progress.cursor is not None
    assert progress.cursor.startswith("6-")


def test_a_run_that_does_not_end_is_counted_after_an_hour() -> None:
    progress = of_runs()
    for minute in range(61):
        progress.observe(call(minute, "a", at_s=60 * minute))
        progress.settle(60 * minute * SECOND)
    assert progress.calls == 1


def test_a_wider_share_in_the_middle_of_a_run_does_not_change_its_arm() -> None:
    """What was drawn counts, with the probability with which it was drawn."""
    progress = of_runs()
    progress.observe(call(1, "a", at_s=0, treated=False, probability=0.25))
    progress.observe(call(2, "a", at_s=5, treated=True, probability=0.5, signature=TARGET))
    progress.settle(1000 * SECOND)
    assert progress.benefit[THIS_FAILURE].failures == [1, 0]
    assert [each[0] for each in progress.risk.failed] == [0.25]


def test_a_trial_of_runs_is_told_to_runtimes_and_survives_restarts(world: Make) -> None:
    """The allocation names unit and salt, another salt for each stage; calls lead to a verdict."""
    each = world(settings=RolloutSettings(ramp=(0.5,), shadow_calls=5))
    each.registry.add_pattern(
        PROJECT,
        {"name": "fix", "pattern": {"model": "fix"}, "fix": {"temperature": None}},
        author="learner",
        state=State.CANDIDATE,
        evidence={
            "signature": TARGET,
            "kind": "repeated_tool_call",
            "failed": 5,
            "matching": 10,
        },
    )
    each.controller.run(PROJECT)

    def told() -> tuple[object, object]:
        allocation = each.registry.pattern(PROJECT, "fix").allocation or {}
        return allocation.get("unit"), allocation.get("salt")

    assert told() == ("run", "fix@1/shadow")
    salts = {told()}
    helps = Provider(target=lambda treated: 0.05 if treated else 0.5)
    for _ in range(120):
        if each.state() is State.ACTIVE:
            break
        for _ in range(5):
            each.run(helps, calls=4)
        each.now += timedelta(minutes=3)
        each.restart()
        each.controller.run(PROJECT)
        salts.add(told())
    assert each.state() is State.ACTIVE
    assert salts == {("run", f"fix@1/{stage}") for stage in ("shadow", "canary", "active")}
    last = each.registry.history(PROJECT, "fix")[-1].evidence
    runs = last["control"]["calls"] + last["treated"]["calls"]
    assert last["unit"] == "run"
    assert runs == last["calls"] < len(each.calls.rows) / 4
