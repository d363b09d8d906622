"""Keeps conditions that are no play of chance, with a bounded share of false ones among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from arc_core.learning.examples import Rows, Sample
from arc_core.learning.gain import tail

_ENOUGH = 45
"""Failing calls from which on a third is kept for confirmation."""
_FALSE_SHARE = 0.05
_LIFT = 3.0
"""How much more often matched calls must fail than others."""


@dataclass(frozen=True, slots=True)
class Split:
    """The calls that conditions are searched in, and later ones that confirm them."""

    learned: Rows
    later: Rows
    """Empty when there are too few calls to keep some back."""


def split(sample: Sample) -> Split:
    """Keep the newest third of the calls for confirmation; calls come newest first."""
    failing, healthy = len(sample.failing), len(sample.healthy)
    if failing < _ENOUGH or healthy < _ENOUGH:
        return Split(sample.all, 0)
    later = (1 << failing // 3) - 1 | ((1 << healthy // 3) - 1) << failing
    return Split(sample.all & ~later, later)


def chance(matched: Rows, failed: Rows, calls: Split, bits: float) -> float | None:
    """Return how likely so many failures are among the matched calls if they fail like others.

    Among later calls the condition is one that was given; among those in which it was found, it is
    the best of 2 ** bits. None when matched calls do not fail markedly more often than others.
    """
    among, trials = (calls.later, 1.0) if calls.later else (calls.learned, 2.0 ** min(bits, 500.0))
    inside, outside = matched & among, among & ~matched
    hits, count = (inside & failed).bit_count(), inside.bit_count()
    others, spared = (outside & failed).bit_count(), outside.bit_count()
    if not count or hits * spared < _LIFT * others * count:
        return None
    return min(1.0, trials * tail(hits, count, (others + 0.5) / (spared + 1)))


def discoveries(chances: Sequence[float]) -> list[bool]:
    """Tell which findings to keep so that few of them are false (Benjamini and Hochberg)."""
    order = sorted(range(len(chances)), key=lambda at: chances[at])
    kept = 0
    for place, at in enumerate(order, 1):
        if chances[at] <= _FALSE_SHARE * place / len(order):
            kept = place
    found = set(order[:kept])
    return [at in found for at in range(len(chances))]
