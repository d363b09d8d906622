"""Narrows a condition where calls that it matched, and that were left alone, were healthy.

A bound is learned from failing values on one side and healthy ones on the other, and what lies
between is not known: a round number there is a guess, and where calls fail by chance, a few that
have another cause draw the bound too far; and a parameter that must be there as well may not have
been found. The calls of a trial that got no fix show it: the coin chose them, so nothing else tells
them from those that did.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from arc_core.learning.columns import Column, Columns, Range
from arc_core.learning.examples import Request
from arc_core.learning.literals import WHO
from arc_core.learning.numbers import roundest, roundest_above

_LEAST = 5
"""Failing calls without which nothing is said of where they end."""
_RARER = 4.0
"""How many times less often calls fail where a condition has no business."""
_CLEAR_BITS = 3.0
"""How clearly the calls beyond must speak for that. It need not be much: calls that are cut off
wrongly go on to fail, and are learned from again; those that are kept wrongly are changed for good.
"""
_CLEARER_BITS = 8.0
"""The same for a parameter that nobody has asked for: there are many."""
_ABOVE, _BELOW = frozenset([">", ">="]), frozenset(["<", "<="])


class _Bound(NamedTuple):
    """A bound in a condition."""

    path: str
    unit: str
    """count or len; empty where it is about the number itself."""
    above: bool
    """Whether greater values match."""


def narrowed(
    condition: Mapping[str, Any], failing: Sequence[Request], healthy: Sequence[Request]
) -> dict[str, Any] | None:
    """Return the condition with its bounds drawn in, or asking for one more parameter.

    None where the calls show no reason to. They are those that the condition matched and that were
    sent unchanged: all of them, or a fair choice. What the new condition no longer matches fails
    far less often than the rest.
    """
    if len(failing) < _LEAST or not healthy:
        return None
    columns = Columns([*failing, *healthy])
    found = dict(condition)
    for bound in _bounds(condition):
        column = columns.by_path.get(bound.path)
        if column is not None:
            drawn = _drawn(bound, column, len(failing), len(healthy))
            if drawn is not None:
                found[bound.path] = _with(found[bound.path], bound, drawn)
    if found == condition:
        found = _with_presence(condition, columns, len(failing), len(healthy))
    return None if found == condition else found


def _with_presence(
    condition: Mapping[str, Any], columns: Columns, failing: int, healthy: int
) -> dict[str, Any]:
    """Ask also whether a parameter is there, or is not."""
    failed = (1 << failing) - 1
    everything = (1 << (failing + healthy)) - 1
    sides = [
        (path, there, column.present if there else everything & ~column.present)
        for path, column in columns.by_path.items()
        if path not in condition and path not in WHO and not {".", "["} & set(path)
        for there in (True, False)
        if column.present != everything
    ]
    usual = (failing + 0.5) / (failing + healthy + 1)
    best, most = dict(condition), _CLEARER_BITS + math.log2(max(1, len(sides)))
    for path, there, kept in sides:
        left = everything & ~kept
        hits, lost = (kept & failed).bit_count(), (left & failed).bit_count()
        rate = (hits + 0.5) / (kept.bit_count() + 1)
        spoken = _spoken((lost, left.bit_count() - lost), rate / _RARER, usual)
        if hits >= _LEAST and spoken > most:
            best, most = {**condition, path: {"exists": there}}, spoken
    return best


def _bounds(condition: Mapping[str, Any]) -> list[_Bound]:
    found = []
    for path, asked in condition.items():
        if not isinstance(asked, Mapping):
            continue
        for unit, operators in (("", asked), *((u, asked.get(u)) for u in ("count", "len"))):
            if isinstance(operators, Mapping):
                found += [
                    _Bound(path, unit, side is _ABOVE)
                    for side in (_ABOVE, _BELOW)
                    if not side.isdisjoint(operators)
                ]
    return found


_RANGES: dict[str, Callable[[Column], dict[int, Range]]] = {
    "": lambda column: column.numbers,
    "count": lambda column: column.counts,
    "len": lambda column: column.lengths,
}


def _drawn(bound: _Bound, column: Column, failing: int, healthy: int) -> float | None:
    """Return where a bound is to stand, if not where it does."""
    ranges, sign = _RANGES[bound.unit](column), 1.0 if bound.above else -1.0
    # what counts is the value that lies deepest inside; the way in is upwards from here on
    values: dict[float, tuple[int, int]] = {}
    for row in range(failing + healthy):
        if row in ranges:
            value = sign * ranges[row][1 if bound.above else 0]
            failed, spared = values.get(value, (0, 0))
            values[value] = (failed + 1, spared) if row < failing else (failed, spared + 1)
    order = sorted(values)
    places = [at for at, value in enumerate(order) if values[value][0]]
    best, most = None, _CLEAR_BITS + math.log2(max(1, len(places)))
    for place in places:
        hits, spared = (sum(values[value][end] for value in order[place:]) for end in (0, 1))
        if hits < _LEAST:
            continue
        rate = (hits + 0.5) / (hits + spared + 1)
        steps = (_spoken(values[value], rate / _RARER, rate) for value in order[:place])
        spoken = [*itertools.accumulate(steps)]
        # step by step: what lies farthest out must not be given up for what lies behind it
        if spoken and min(spoken) > 0.0 and spoken[-1] > most:
            best, most = place, spoken[-1]
    if best is None:
        return None
    beyond, kept = order[best - 1], order[best]
    return roundest(beyond, kept) if bound.above else roundest_above(-kept, -beyond)


def _spoken(calls: tuple[int, int], rarer: float, rate: float) -> float:
    """Return how clearly failing and healthy calls speak for one rate against another, in bits."""
    failed, healthy = calls
    return failed * math.log2(rarer / rate) + healthy * math.log2((1 - rarer) / (1 - rate))


def _with(asked: Mapping[str, Any], bound: _Bound, place: float) -> dict[str, Any]:
    """Put a bound in the place of the one that there is."""
    if bound.unit:
        inner = _with(asked[bound.unit], bound._replace(unit=""), place)
        return {**asked, bound.unit: inner}
    side = _ABOVE if bound.above else _BELOW
    kept = {name: value for name, value in asked.items() if name not in side}
    return {**kept, ">" if bound.above else "<": place}
