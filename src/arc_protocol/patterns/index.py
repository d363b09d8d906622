"""The candidates for one model, found without asking every pattern.

Each pattern is filed under one need, a test that its condition cannot hold without: a top-level
field that equals a value, lies beyond a threshold, or is there at all. Only patterns whose need is
met are asked in full. With few patterns, asking all is cheaper.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from typing import Any, Dict, Hashable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from arc_protocol.patterns.caching import FIELDS
from arc_protocol.patterns.candidate import Candidate
from arc_protocol.patterns.conditions import Clause
from arc_protocol.patterns.decision import Decide, compile_alone
from arc_protocol.patterns.operators import COLLECTIVE
from arc_protocol.patterns.values import MISSING, is_number

WORTH_FILING = 8


_NOT_ALONE = frozenset([("model",), *((field,) for field in FIELDS)])
"""Fields after whose change there is more to look at."""


class Candidates:
    """The patterns that may match the calls of one model.

    Attributes:
        everyone: all of them, in order of precedence.
        alone: decides for the only one, if its fix does nothing but to set fields.
    """

    __slots__ = ("_always", "_drawers", "alone", "everyone")

    def __init__(self, everyone: Sequence[Candidate]) -> None:
        self.everyone = everyone
        self.alone: Optional[Decide] = None
        if len(everyone) == 1:
            _, check, pattern, _ = everyone[0]
            fix = pattern.then
            if fix.setter is not None and _NOT_ALONE.isdisjoint(fix.fields):
                self.alone = compile_alone(pattern, check, fix.setter)
        self._always: List[Candidate] = []
        self._drawers: Optional[Dict[str, _Drawer]] = None

    def select(self, body: Mapping[str, Any]) -> Sequence[Candidate]:
        """Return those that may match this request, in order of precedence."""
        drawers = self._drawers
        if drawers is None:
            return self.everyone
        found = self._always.copy()
        for key, value in body.items():
            drawer = drawers.get(key)
            if drawer is not None:
                drawer.collect(value, found)
        found.sort()
        return found

    def file(self) -> None:
        """Make `select` quick; takes milliseconds, which is not for a thread that makes calls.

        Until then, and for a few patterns for good, all are asked.
        """
        if len(self.everyone) <= WORTH_FILING or self._drawers is not None:
            return
        always: List[Candidate] = []
        options = [
            [need for clause in one.clauses for need in _needs(clause)] for one in self.everyone
        ]
        crowd = Counter(pile for needs in options for need in needs for pile in need.piles())
        drawers: Dict[str, _Drawer] = {}
        for one, needs in zip(self.everyone, options):
            if needs:
                need = min(needs, key=lambda need: need.share(crowd))
                drawers.setdefault(need.key, _Drawer()).add(need, one)
            else:
                always.append(one)
        # in this order, as others may be selecting
        self._always = always
        self._drawers = drawers


class Need(NamedTuple):
    """A test on one top-level field that a clause cannot hold without."""

    key: str
    kind: str
    """`equal`, `above`, `below` or `present`."""
    values: Tuple[Any, ...] = ()
    """What the field may equal, or the one threshold."""

    def piles(self) -> List[Tuple[Hashable, ...]]:
        """Name the piles that a pattern with this need can be filed on."""
        if self.kind == "equal":
            return [(self.key, _pile(value)) for value in self.values]
        return [(self.key, self.kind, None)]

    def share(self, crowd: Mapping[Tuple[Hashable, ...], int]) -> float:
        """Estimate how many patterns are asked together when this need is met."""
        total = sum(crowd[pile] for pile in self.piles())
        return total / 2 if self.kind in ("above", "below") else total


def _needs(clause: Clause) -> List[Need]:
    """Return what a clause cannot hold without; nothing for one that can hold on missing fields."""
    path, requirement = clause.path, clause.requirement
    if path is None or not path.segments or not isinstance(path.segments[0], str):
        return []
    key = path.segments[0]
    operators: Dict[str, Any] = (
        requirement if isinstance(requirement, dict) else {"==": requirement}
    )
    if operators.get("exists") is False:
        return []
    if not path.plain and operators.keys() <= COLLECTIVE - {"any"}:
        return []
    needs = [Need(key, "present")]
    if len(path.segments) > 1:
        return needs
    for name, argument in operators.items():
        values = argument if name == "in" else [argument]
        if name in ("==", "in") and not any(isinstance(value, (dict, list)) for value in values):
            needs.append(Need(key, "equal", tuple(values)))
        elif name in (">", ">=", "<", "<=") and is_number(argument):
            needs.append(Need(key, "above" if name[0] == ">" else "below", (argument,)))
    return needs


def _pile(value: object) -> Hashable:
    """Return a key that is the same for equal scalars; true is not 1, other values have none."""
    if isinstance(value, bool):
        return (value,)
    if value is None or isinstance(value, (str, int, float)):
        return value
    return MISSING


class _Thresholds:
    """Patterns in the order of a threshold."""

    __slots__ = ("limits", "ones")

    def __init__(self) -> None:
        self.limits: List[float] = []
        self.ones: List[Candidate] = []

    def add(self, limit: float, one: Candidate) -> None:
        at = bisect_right(self.limits, limit)
        self.limits.insert(at, limit)
        self.ones.insert(at, one)


class _Drawer:
    """The patterns that are filed under one field."""

    __slots__ = ("above", "below", "equal", "present")

    def __init__(self) -> None:
        self.equal: Dict[Hashable, List[Candidate]] = {}
        self.above = _Thresholds()
        self.below = _Thresholds()
        self.present: List[Candidate] = []

    def add(self, need: Need, one: Candidate) -> None:
        """File a pattern."""
        if need.kind == "equal":
            for pile in {_pile(value) for value in need.values}:
                self.equal.setdefault(pile, []).append(one)
        elif need.kind == "above":
            self.above.add(need.values[0], one)
        elif need.kind == "below":
            self.below.add(need.values[0], one)
        else:
            self.present.append(one)

    def collect(self, value: object, found: List[Candidate]) -> None:
        """Add the patterns whose need this value meets, or for which it cannot be evaluated."""
        found += self.present
        if self.equal:
            found += self.equal.get(_pile(value), ())
        if value is None:
            return
        if is_number(value):
            found += self.above.ones[: bisect_right(self.above.limits, value)]
            found += self.below.ones[bisect_left(self.below.limits, value) :]
        else:
            found += self.above.ones
            found += self.below.ones
