"""A failure that only treated calls have is blamed on the fix; one that all may have is not."""

from __future__ import annotations

import random

import pytest

from arc_core.rollout.evidence.new_failures import NewFailures


def seen(*treated: bool, probability: float = 0.5, signature: str = "s") -> NewFailures:
    made = NewFailures()
    for each in treated:
        made.observe(signature, treated=each, probability=probability)
    return made


@pytest.mark.parametrize(("probability", "needed"), [(0.5, 6), (0.25, 3), (0.01, 3), (0.98, 183)])
def test_so_many_treated_calls_are_needed(probability: float, needed: int) -> None:
    """Three at least; more where most calls are treated anyway."""
    assert seen(*[True] * (needed - 1), probability=probability).blamed(20) is None
    assert seen(*[True] * needed, probability=probability).blamed(20) == ("s", needed)


def test_one_call_without_the_fix_acquits_it() -> None:
    assert seen(*[True] * 50, False).blamed(20) is None
    assert seen(False, *[True] * 50).blamed(20) is None


def test_among_many_failures_one_is_seldom_blamed_wrongly() -> None:
    """Five rare failures that have nothing to do with the fix: in 5 of 100 trials at most."""
    runs = 1000
    wrong = 0
    for seed in range(runs):
        draw = random.Random(seed)
        made = NewFailures()
        for _ in range(60):
            signature = str(draw.randrange(5))
            made.observe(signature, treated=draw.random() < 0.5, probability=0.5)
            if made.blamed(20) is not None:
                wrong += 1
                break
    assert 0 < wrong / runs <= 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5


def test_there_is_an_end_to_what_is_remembered() -> None:
    made = NewFailures()
    for number in range(1000):
        made.observe(str(number), treated=True, probability=0.5)
    assert len(made.seen) == 100
