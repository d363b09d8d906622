"""How much a condition explains: bits saved in telling which calls failed, by its length."""

from __future__ import annotations

import math
from functools import lru_cache

from arc_core.learning.examples import Rows


class Gain:
    """The description length of one sample of calls, and what conditions save of it.

    A condition splits the calls in two; each part is then described by its own rate of failure. A
    condition that is no better than chance saves less than it takes to write down.
    """

    def __init__(self, failed: int, calls: int) -> None:
        self._failed = failed
        self._calls = calls
        self.total = _entropy_bits(failed, calls)
        """Bits that a perfect condition of no length would save."""
        self._saved: dict[tuple[int, int], float] = {}

    def of(self, matched_failed: int, matched: int) -> float:
        """Return the bits that are saved by a condition which matches so many calls."""
        key = (matched_failed, matched)
        saved = self._saved.get(key)
        if saved is None:
            saved = self._saved[key] = self._count(matched_failed, matched)
        return saved

    def _count(self, hit: int, matched: int) -> float:
        if hit * self._calls <= matched * self._failed:
            return 0.0  # it foretells health, or nothing
        inside = _entropy_bits(hit, matched)
        outside = _entropy_bits(self._failed - hit, self._calls - matched)
        return self.total - inside - outside - 0.5 * math.log2(max(matched, 1))


@lru_cache(maxsize=65536)
def _entropy_bits(part: int, whole: int) -> float:
    if part <= 0 or part >= whole:
        return 0.0
    share = part / whole
    return -whole * (share * math.log2(share) + (1 - share) * math.log2(1 - share))


def tail(hits: int, trials: int, rate: float) -> float:
    """Return the probability of so many hits or more in independent trials at a rate; exact."""
    if hits <= 0:
        return 1.0
    if rate <= 0:
        return 0.0
    if rate >= 1:
        return 1.0
    log_rate, log_rest = math.log(rate), math.log1p(-rate)
    whole = math.lgamma(trials + 1)
    total = 0.0
    for count in range(hits, trials + 1):
        ways = whole - math.lgamma(count + 1) - math.lgamma(trials - count + 1)
        total += math.exp(ways + count * log_rate + (trials - count) * log_rest)
    return min(1.0, total)


def upper_rate(hits: int, trials: int, confidence: float = 0.95) -> float:
    """Return the rate above which so few hits would be a surprise; 1 without trials."""
    if trials == 0 or hits >= trials:
        return 1.0
    low, high = hits / trials, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        if 1 - tail(hits + 1, trials, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def rate(hits: Rows, rows: Rows) -> float:
    """Return the share of the calls that are hits."""
    count = rows.bit_count()
    return (hits & rows).bit_count() / count if count else 0.0
