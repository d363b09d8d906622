"""The evidence of a rollout: its error rate and the calls that it needs, by simulation.

Figures to compare with: 10,000 null runs and 2,000 runs of each lift with the published method.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from arc_core.rollout.assignment_test import AssignmentTest, Direction


def calls_until(
    evidence: float,
    *,
    control: float,
    treated: float,
    probability: float | Callable[[int], float] = 0.5,
    limit: int,
    seed: int,
    direction: Direction = Direction.BENEFIT,
) -> int | None:
    """Run one rollout; return after how many calls the evidence was reached, None for never."""
    draw = random.Random(seed).random
    test = AssignmentTest(direction, prior_rate=control)
    for number in range(1, limit + 1):
        share = probability if isinstance(probability, float) else probability(number)
        arm = draw() < share
        failed = draw() < (treated if arm else control)
        test.observe(treated=arm, failed=failed, probability=share)
        if test.reaches(evidence):
            return number
    return None


def ramp(number: int) -> float:
    return 0.01 if number < 150 else 0.05 if number < 300 else 0.25 if number < 450 else 0.5


@pytest.mark.parametrize(
    ("rate", "probability"), [(0.05, 0.5), (0.5, 0.5), (0.98, 0.5), (0.2, ramp)]
)
def test_a_fix_that_does_nothing_is_seldom_believed(
    rate: float, probability: float | Callable[[int], float]
) -> None:
    """Looked at after every call, at most 5 in 100 runs are wrong, also while the share grows."""
    runs = 300
    wrong = sum(
        calls_until(20, control=rate, treated=rate, probability=probability, limit=600, seed=seed)
        is not None
        for seed in range(runs)
    )
    # the expected 5 % and three standard deviations of so few runs
    assert wrong / runs <= 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5


@pytest.mark.parametrize(("evidence", "needed"), [(20, 6), (100, 9)])
def test_a_cure_of_a_failure_of_every_call_is_believed_at_once(evidence: int, needed: int) -> None:
    """Six calls at 5 %, nine at 1 %: no sequence of coins needs more or less."""
    runs = {
        calls_until(evidence, control=1.0, treated=0.0, limit=100, seed=seed) for seed in range(50)
    }
    assert runs == {needed}


@pytest.mark.parametrize(
    ("control", "treated", "mean"), [(0.2, 0.05, 136), (0.5, 0.3, 189), (0.2, 0.0, 59)]
)
def test_it_takes_as_many_calls_as_published(control: float, treated: float, mean: int) -> None:
    """The mean number of calls of both arms until 5 % lies where the method's figures say."""
    runs = [
        calls_until(20, control=control, treated=treated, limit=5000, seed=seed)
        for seed in range(400)
    ]
    assert all(runs)
    measured = sum(filter(None, runs)) / len(runs)
    assert measured == pytest.approx(mean, rel=0.15)


def test_harm_is_found_after_few_treated_calls() -> None:
    """A fix that breaks every call is seen after two to three treated ones."""
    runs = [
        calls_until(
            20,
            control=0.05,
            treated=1.0,
            probability=0.05,
            limit=3000,
            seed=seed,
            direction=Direction.HARM,
        )
        for seed in range(200)
    ]
    assert all(runs)
    assert 0.05 * sum(filter(None, runs)) / len(runs) == pytest.approx(2.4, rel=0.25)


def test_a_fix_that_helps_is_no_harm() -> None:
    """The test of harm does not fire on a benefit."""
    assert not any(
        calls_until(20, control=0.5, treated=0.1, limit=400, seed=seed, direction=Direction.HARM)
        for seed in range(100)
    )


def test_calls_without_a_coin_teach_nothing() -> None:
    """A call that was sure to be treated says nothing about what would have been."""
    test = AssignmentTest(Direction.BENEFIT, prior_rate=0.5)
    for _ in range(100):
        test.observe(treated=True, failed=False, probability=1.0)
    assert test.log_evidence == 0.0
    assert test.calls == [0, 0]
