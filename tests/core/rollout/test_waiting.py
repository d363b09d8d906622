"""What a trial says it waits for, and that it then comes about when it says."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from arc_core.registry.lifecycle import State
from arc_core.rollout.evidence.assignment import AssignmentTest, Direction
from arc_core.rollout.report import Report, report
from arc_core.rollout.settings import RolloutSettings
from arc_core.rollout.waiting import calls_until
from core.rollout.world import PROJECT, Provider, World

Make = Callable[..., World]


def shown(world: World) -> Report:
    record = world.registry.pattern(PROJECT, "fix")
    found = report(world.registry, record, world.settings, world.now)
    assert found is not None
    return found


def helps(before: float, after: float) -> Provider:
    return Provider(target=lambda treated: after if treated else before)


def test_in_shadow_it_counts_down(world: Make) -> None:
    each = world()
    each.learned(failed=30, matching=100)
    for left in (20, 19, 18):
        found = shown(each)
        assert found.calls_to_go == left
        assert found.waits_for.startswith(f"needs {left} more matching calls in shadow")
        each.call(helps(0.3, 0.05))
        each.controller.run(PROJECT)
    assert "about 17 s at this rate" in shown(each).waits_for  # a call per second


@pytest.mark.parametrize(("control", "treated"), [(2, 20), (3, 20), (5, 10)])
def test_the_number_of_calls_until_it_is_proven_is_about_right(control: int, treated: int) -> None:
    """Of calls of which every `control`-th fails without the fix, every `treated`-th with it."""
    test = AssignmentTest(Direction.BENEFIT, 1 / control)

    def call(number: int) -> None:
        arm, turn = number % 2 == 0, number // 2
        every = treated if arm else control
        test.observe(treated=arm, failed=turn % every == 0, probability=0.5)

    for number in range(2, 62):
        call(number)
    estimate = calls_until(test, 1000.0, 0.5)
    assert estimate is not None
    needed = 0
    while not test.reaches(1000.0):
        call(62 + needed)
        needed += 1
    assert needed / 1.5 <= estimate <= needed * 1.5
    assert calls_until(test, 1000.0, 0.5) == 0


def test_no_number_is_told_where_treated_calls_fail_no_less() -> None:
    test = AssignmentTest(Direction.BENEFIT, 0.5)
    for number in range(40):
        test.observe(treated=number % 2 == 0, failed=number % 4 < 2, probability=0.5)
    assert calls_until(test, 20.0, 0.5) is None


def test_a_trial_that_shows_nothing_says_when_it_ends(world: Make) -> None:
    patient = RolloutSettings(ramp=(0.5,), canary_calls=400, least_relief=100.0)
    each = world(settings=patient)
    each.learned(failed=30, matching=100)
    each.run_until(helps(0.3, 0.3), State.CANARY, at_most=100)
    each.calls_of(helps(0.3, 0.3), 200)
    each.controller.run(PROJECT)
    assert "without proof it ends after 200 more matching calls" in shown(each).waits_for


def test_missing_calls_of_one_arm_are_told(world: Make) -> None:
    each = world()
    each.learned()
    each.calls_of(helps(1.0, 0.0), 20)
    each.calls.rows[:] = [row for row in each.calls.rows if row["rollout_arm"] == "control"]
    each.controller.run(PROJECT)
    assert "of one arm calls are missing" in shown(each).waits_for


@pytest.mark.parametrize("kind", [None, "repeated_tool_call"])
def test_a_trial_of_runs_speaks_of_runs(world: Make, kind: str | None) -> None:
    each = world()
    each.registry.add_pattern(
        PROJECT,
        {"name": "fix", "pattern": {"model": "fix"}, "fix": {"temperature": None}},
        author="learner",
        state=State.CANDIDATE,
        evidence={"signature": "s", "kind": kind, "failed": 3, "matching": 10},
    )
    each.controller.run(PROJECT)
    unit = "call" if kind is None else "run"
    found = shown(each)
    assert found.unit == unit
    assert found.waits_for.startswith(f"needs 20 more matching {unit}s in shadow")


def test_worried_guards_are_shown(world: Make) -> None:
    """Before one trips, the share does not grow, and the sentence says why."""
    each = world(settings=RolloutSettings(ramp=(0.5,), harm=1e9, least_relief=100.0))
    each.learned(failed=30, matching=100)
    worse = helps(0.3, 0.6)
    each.run_until(worse, State.CANARY, at_most=100)
    each.calls_of(worse, 100)
    each.controller.run(PROJECT)
    found = shown(each)
    states = {guard.name: guard.state for guard in found.guards}
    assert states["target"] == states["any"] == "worried"
    assert found.waits_for.startswith("treated calls look worse so far")
    assert found.relative_risk is not None
    assert found.relative_risk.low > 0.5
