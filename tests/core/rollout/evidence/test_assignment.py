"""The evidence of a rollout: its error rate and the calls that it needs, by simulation.

Figures to compare with: 10,000 null runs and 2,000 runs of each lift with the published method.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest

from arc_core.rollout.evidence.assignment import AssignmentTest, Direction

Of = Callable[[int], float]
"""A failure rate, by the number of the call."""


def calls_until(
    evidence: float,
    *,
    control: float,
    treated: float,
    probability: float = 0.5,
    limit: int,
    seed: int,
    direction: Direction = Direction.BENEFIT,
) -> int | None:
    """Run one rollout; return after how many calls the evidence was reached, None for never."""
    draw = random.Random(seed).random
    test = AssignmentTest(direction, prior_rate=control)
    for number in range(1, limit + 1):
        arm = draw() < probability
        failed = draw() < (treated if arm else control)
        test.observe(treated=arm, failed=failed, probability=probability)
        if test.reaches(evidence):
            return number
    return None


def ramp(number: int) -> float:
    return 0.01 if number < 75 else 0.05 if number < 150 else 0.25 if number < 225 else 0.5


def drift(number: int) -> float:
    """A failure rate of 1 to 19 %, and of 60 % during an incident."""
    return 0.6 if 135 <= number < 150 else 0.10 + 0.09 * math.sin(number / 22)


def believed(
    *,
    control: Of,
    treated: Of | None = None,
    probability: Callable[[int, AssignmentTest], float],
    calls: int,
    seed: int,
) -> tuple[bool, bool]:
    """Tell whether a fix that does not help is ever believed at 5 %, and at 1 %."""
    draw = random.Random(seed).random
    test = AssignmentTest(Direction.BENEFIT, prior_rate=0.05)
    treated = treated or control
    at_5 = False
    for number in range(1, calls + 1):
        share = probability(number, test)
        arm = draw() < share
        failed = draw() < (treated(number) if arm else control(number))
        test.observe(treated=arm, failed=failed, probability=share)
        if test.reaches(20):
            at_5 = True
            if test.reaches(100):
                return True, True
    return at_5, False


def chasing(_: int, test: AssignmentTest) -> float:
    """An allocation that goes where the evidence points, as an adversary would have it."""
    return 0.9 if test.log_evidence > 1 else 0.1 if test.log_evidence < -1 else 0.5


def half(_: int, __: AssignmentTest) -> float:
    return 0.5


@pytest.mark.parametrize(
    ("control", "treated", "probability", "published", "calls"),
    [
        pytest.param(lambda _: 0.01, None, half, 0.0275, 400, id="1 %"),
        pytest.param(lambda _: 0.05, None, half, 0.0316, 300, id="5 %"),
        pytest.param(lambda _: 0.2, None, half, 0.0393, 300, id="20 %"),
        pytest.param(lambda _: 0.5, None, half, 0.0425, 300, id="50 %"),
        pytest.param(lambda _: 0.98, None, half, 0.0445, 300, id="98 %"),
        pytest.param(lambda _: 0.05, None, lambda *_: 0.05, 0.0166, 300, id="5 %, 5 % treated"),
        pytest.param(drift, None, half, 0.0367, 300, id="drift and incident"),
        pytest.param(
            drift, None, lambda number, _: ramp(number), 0.0371, 300, id="drift and growing share"
        ),
        pytest.param(drift, None, chasing, 0.0245, 300, id="share that chases the evidence"),
        pytest.param(lambda _: 0.05, lambda _: 0.06, half, 0.0124, 300, id="treated are worse"),
    ],
)
def test_a_fix_that_does_nothing_is_seldom_believed(
    control: Of,
    treated: Of | None,
    probability: Callable[[int, AssignmentTest], float],
    published: float,
    calls: int,
) -> None:
    """Looked at after every call: wrong as seldom as the method's figures say, or less.

    Those have more calls, in which more goes wrong. Allowed are 5 % of the runs, and 1 %.
    """
    runs = 120
    found = [
        believed(control=control, treated=treated, probability=probability, calls=calls, seed=seed)
        for seed in range(runs)
    ]
    # three standard deviations of so few runs
    for wrong, rate in (
        (sum(each[0] for each in found), published),
        (sum(each[1] for each in found), 0.01),
    ):
        assert wrong / runs <= rate + 3 * (rate * (1 - rate) / runs) ** 0.5


@pytest.mark.parametrize(("evidence", "needed"), [(20, 6), (100, 9)])
def test_a_cure_of_a_failure_of_every_call_is_believed_at_once(evidence: int, needed: int) -> None:
    """Six calls at 5 %, nine at 1 %: no sequence of coins needs more or less."""
    runs = {
        calls_until(evidence, control=1.0, treated=0.0, limit=100, seed=seed) for seed in range(50)
    }
    assert runs == {needed}


@pytest.mark.parametrize(
    ("control", "treated", "probability", "evidence", "mean", "runs"),
    [
        (1.0, 0.0, 0.05, 20, 20, 400),
        (1.0, 0.0, 0.05, 100, 34, 400),
        (0.5, 0.3, 0.5, 20, 189, 120),
        (0.2, 0.05, 0.5, 20, 136, 150),
        (0.2, 0.05, 0.5, 100, 202, 100),
        (0.2, 0.05, 0.1, 20, 403, 60),
        (0.2, 0.0, 0.5, 20, 59, 200),
        (0.05, 0.0, 0.5, 20, 250, 80),
        (0.02, 0.001, 0.5, 20, 761, 40),
    ],
)
def test_it_takes_as_many_calls_as_published(
    control: float, treated: float, probability: float, evidence: int, mean: int, runs: int
) -> None:
    """The mean number of calls of both arms until then lies where the method's figures say."""
    needed = [
        calls_until(
            evidence,
            control=control,
            treated=treated,
            probability=probability,
            limit=10_000,
            seed=seed,
        )
        for seed in range(runs)
    ]
    assert all(needed)
    assert sum(filter(None, needed)) / runs == pytest.approx(mean, rel=0.15)


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
