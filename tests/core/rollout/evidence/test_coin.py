"""The check that calls are reported in the arms in which they were drawn."""

from __future__ import annotations

import random

import pytest

from arc_core.rollout.evidence.coin import CoinTest


def calls_until(
    reported: dict[bool, float], *, probability: float, limit: int, seed: int
) -> int | None:
    draw = random.Random(seed).random
    test, seen = CoinTest(), 0
    while seen < limit:
        treated = draw() < probability
        if draw() < reported[treated]:
            seen += 1
            test.observe(treated=treated, probability=probability)
            if test.reaches(20):
                return seen
    return None


@pytest.mark.parametrize("probability", [0.01, 0.5, 0.98])
def test_a_fair_coin_is_seldom_doubted(probability: float) -> None:
    """At most once in twenty trials, looked at after every call."""
    runs = 200
    doubted = sum(
        calls_until({True: 1.0, False: 1.0}, probability=probability, limit=500, seed=seed)
        is not None
        for seed in range(runs)
    )
    assert doubted / runs <= 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5


@pytest.mark.parametrize("lost", [True, False])
def test_an_arm_that_is_lost_is_missed_soon(lost: bool) -> None:
    reported = {lost: 0.0, not lost: 1.0}
    assert calls_until(reported, probability=0.5, limit=20, seed=1) is not None
