"""A fix that is no longer needed is found out by the calls held back from it."""

from __future__ import annotations

import random

import pytest

from arc_core.rollout.evidence.holdback import HoldbackTest


def calls_until_gone(rate: float, *, limit: int, seed: int, threshold: float = 0.05) -> int | None:
    draw = random.Random(seed).random
    test = HoldbackTest(threshold)
    for number in range(1, limit + 1):
        test.observe(failed=draw() < rate)
        if test.gone:
            return number
    return None


def test_a_failure_that_is_gone_is_seen_after_150_calls() -> None:
    """The published delay for a threshold of 5 %, however long it failed before."""
    test = HoldbackTest(0.05)
    for _ in range(500):
        test.observe(failed=True)
    calls = 0
    while not test.gone:
        test.observe(failed=False)
        calls += 1
    assert calls == 150


@pytest.mark.parametrize("rate", [0.2, 1.0])
def test_a_failure_that_is_there_is_not_taken_for_gone(rate: float) -> None:
    """In 200 runs of 1,000 calls each."""
    assert not any(calls_until_gone(rate, limit=1000, seed=seed) for seed in range(200))


def test_at_the_threshold_itself_a_false_alarm_takes_long() -> None:
    """Seldom within as many calls as the alarm promises on average."""
    alarms = sum(calls_until_gone(0.05, limit=1000, seed=seed) is not None for seed in range(200))
    assert alarms / 200 < 0.15
