"""The alarm for something that has begun to fail: quick when it has, rare when it has not."""

from __future__ import annotations

import random

from arc_core.rollout.evidence.rise import RiseTest


def calls_until(rate: float, *, limit: int, seed: int) -> int | None:
    draw = random.Random(seed).random
    test = RiseTest(0.1, 0.95)
    for number in range(1, limit + 1):
        test.observe(failed=draw() < rate)
        if test.reaches(1000):
            return number
    return None


def test_a_change_is_found_whenever_it_comes() -> None:
    """What went well for long does not delay it."""
    test = RiseTest(0.1, 0.95)
    for _ in range(1000):
        test.observe(failed=False)
    for _ in range(4):
        test.observe(failed=True)
    assert test.reaches(1000)


def test_the_rate_that_is_tolerated_seldom_alarms() -> None:
    """On average it takes 1000 calls or more."""
    times = [calls_until(0.1, limit=4000, seed=seed) or 4000 for seed in range(60)]
    assert sum(times) / len(times) >= 1000
