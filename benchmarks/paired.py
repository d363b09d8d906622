"""Times two ways of doing the same in alternating blocks, so that drift of the machine cancels."""

from __future__ import annotations

import gc
import statistics
from time import perf_counter_ns
from typing import Callable, List, NamedTuple, Tuple

_COLD = 10
"""Calls at the start of a block that are not counted: they run on cold caches, after a pause."""


class Difference(NamedTuple):
    """What the second way takes beyond the first, in microseconds."""

    median_us: float
    p99_us: float
    base_us: float
    """Median of the first way."""
    first_us: float
    """Median of the very first call of a block, on cold caches; what the first way takes is off."""


def compare(
    base: Callable[[], object],
    other: Callable[[], object],
    *,
    between: Callable[[], object] = lambda: None,
    blocks: int = 100,
    size: int = 200,
) -> Difference:
    """Run both in alternating blocks; quantiles are differences to the median of the block's pair.

    `between` runs after each block: what a tight loop piles up for a background thread, and no
    application that waits for a network would, is worked off there.
    """
    medians: List[float] = []
    p99s: List[float] = []
    bases: List[float] = []
    firsts: List[float] = []
    for action in (base, other):
        _block(action, size)
    gc.collect()
    for _ in range(blocks):
        first, cold = _block(base, size)
        between()
        second, cold_too = _block(other, size)
        between()
        firsts.append(cold_too - cold)
        medians.append(_at(second, 0.5) - _at(first, 0.5))
        p99s.append(_at(second, 0.99) - _at(first, 0.5))
        bases.append(_at(first, 0.5))
    columns = (medians, p99s, bases, firsts)
    return Difference(*(statistics.median(each) / 1e3 for each in columns))


def _block(action: Callable[[], object], size: int) -> Tuple[List[int], int]:
    """Return the sorted times of the calls, and that of the first one, in nanoseconds."""
    times: List[int] = []
    for _ in range(_COLD + size):
        started_at = perf_counter_ns()
        action()
        times.append(perf_counter_ns() - started_at)
    return sorted(times[_COLD:]), times[0]


def _at(ordered: List[int], share: float) -> int:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
