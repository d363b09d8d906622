"""Finds the conjunction of questions that tells best which calls failed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

from arc_core.learning.columns import Column, Columns
from arc_core.learning.examples import Rows
from arc_core.learning.gain import Gain, rate
from arc_core.learning.literals import Form, Literal, Priors
from arc_protocol.patterns.values import is_number

_FIRST_WIDTH = 24
_WIDTH = 10
_LONGEST = 4
"""Questions in a condition, beside those that a fix brings along."""
_LEAST_HITS = 2
"""Failing calls that a question must concern, unless there are fewer."""
CERTAIN = 0.8
"""Share of matched calls that fail where a condition leaves little to chance."""
_PICKING_BITS = 3.0
"""How much less plausible it is that single numbers matter than that all beyond one do."""
_TIE_BITS = 8.0
"""Rules that save nearly the same: what one of hundreds of questions saves by luck."""
_NEARLY = 0.75
"""As often must the calls fail that the simpler rule matches; or it would reach too far."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Questions that must all be answered with yes."""

    literals: tuple[Literal, ...]
    rows: Rows
    gain: float
    """Bits saved, less those of writing the rule down."""

    @property
    def bits(self) -> float:
        """What it costs to write the rule down."""
        return sum(literal.bits for literal in self.literals)


def _bounded(literal: Literal) -> str | None:
    """Return the path of a bound that a fix brings along: the values beyond it add nothing."""
    asked = literal.requirement.get(literal.path) if literal.form is Form.GIVEN else None
    return literal.path if isinstance(asked, dict) and asked.keys() <= _BOUNDS else None


_BOUNDS = frozenset([">", ">=", "<", "<="])


def _of_numbers(literal: Literal) -> bool:
    """Tell whether a question is one to the number at its path."""
    asked = literal.requirement
    unequal = literal.form is Form.TYPE and isinstance(asked, dict) and "!=" in asked
    return unequal or literal.form in (Form.VALUE, Form.ABOVE, Form.BELOW)


def _picks_numbers(literal: Literal) -> bool:
    """Tell whether a question is for single numbers, and not for all beyond a bound."""
    values = literal.value if literal.form is Form.VALUES else (literal.value,)
    return literal.form in (Form.VALUE, Form.VALUES, Form.TYPE) and any(map(is_number, values))


def _price(literal: Literal) -> float:
    """Return what a question costs beside others that these calls answer alike."""
    return literal.bits + (_PICKING_BITS if _picks_numbers(literal) else 0.0)


class Search:
    """A search among the questions to one sample of calls."""

    def __init__(
        self, columns: Columns, found: Iterable[Literal], failed: Rows, among: Rows, priors: Priors
    ) -> None:
        self.failed = failed & among
        self.among = among
        self._priors = priors
        self._gain = Gain(self.failed.bit_count(), among.bit_count())
        self._least = min(_LEAST_HITS, self.failed.bit_count())
        self._literals = self._distinct(found)
        self._choices = [
            column
            for column in columns.by_path.values()
            if column.plain and 2 <= len(column.values) <= 400 and priors.bits(column.path) < 14
        ]

    def _distinct(self, found: Iterable[Literal]) -> list[Literal]:
        """Keep the cheapest of questions that are answered alike."""
        cheapest: dict[Rows, Literal] = {}
        for literal in found:
            rows = literal.rows & self.among
            if (rows & self.failed).bit_count() < self._least or rows == self.among:
                continue
            known = cheapest.get(rows)
            if known is None or _price(literal) < _price(known):
                cheapest[rows] = literal
        return list(cheapest.values())

    def rule(self, literals: Sequence[Literal]) -> Rule:
        """Put questions together."""
        rows = reduce(lambda rest, one: rest & one.rows, literals, self.among)
        hits, count = (rows & self.failed).bit_count(), rows.bit_count()
        bits = sum(literal.bits for literal in literals)
        return Rule(tuple(literals), rows, self._gain.of(hits, count) - bits)

    def best(self, given: Sequence[Literal] = ()) -> Rule | None:
        """Return the rule that saves most, with the given questions in it; None if none saves."""
        start = self.rule(given)
        beam, best, found = [start], start, list[Rule]()
        for depth in range(_LONGEST):
            seen: dict[Rows, Rule] = {}
            for rule in beam:
                if not rule.rows & ~self.failed:
                    continue  # it matches no healthy call; more questions only cost more
                for grown in self._grown(rule):
                    known = seen.get(grown.rows)
                    if known is None or grown.gain > known.gain:
                        seen[grown.rows] = grown
            width = _FIRST_WIDTH if depth == 0 else _WIDTH
            beam = sorted(seen.values(), key=lambda rule: -rule.gain)[:width]
            if not beam:
                break
            found += beam
            if beam[0].gain > best.gain:
                best = beam[0]
        best = self._minimal(self._simplest(best, found, len(given)), len(given))
        return best if best.gain > 0 and best.literals else None

    def _simplest(self, best: Rule, found: Sequence[Rule], given: int) -> Rule:
        """Return the simplest of the rules that foretell a failure by chance nearly as well.

        Among so many questions there are some that go with what happened to fail.
        """
        most = rate(self.failed, best.rows)
        if most >= CERTAIN:
            return best
        tied = [
            rule
            for rule in found
            if rule.gain >= max(best.gain - _TIE_BITS, 0.0)
            and rate(self.failed, rule.rows) >= _NEARLY * most
        ]

        def trouble(rule: Rule) -> tuple[int, int, float]:
            asked = rule.literals[given:]
            # that some numbers fail, and none between them, is seldom so
            return len(asked), sum(map(_picks_numbers, asked)), -rule.gain

        return min(tied, key=trouble, default=best)

    def idle(self, rule: Rule, given: int) -> bool:
        """Tell whether a rule would match the same calls without its first questions."""
        return self.rule(rule.literals[given:]).rows == rule.rows

    def _grown(self, rule: Rule) -> Iterable[Rule]:
        known = {literal.path for literal in rule.literals if literal.form is not Form.GIVEN}
        bounded = {path for path in map(_bounded, rule.literals) if path}
        known |= bounded
        bits = rule.bits
        floor = self._gain.total - bits
        for literal in self._literals:
            if literal.bits >= floor or (literal.path in bounded and _of_numbers(literal)):
                continue
            rows = rule.rows & literal.rows
            hits = (rows & self.failed).bit_count()
            if hits < self._least or rows == rule.rows:
                continue
            gain = self._gain.of(hits, rows.bit_count()) - bits - literal.bits
            yield Rule((*rule.literals, literal), rows, gain)
        for column in self._choices:
            if column.path not in known:
                yield from self._chosen(rule, column)

    def _chosen(self, rule: Rule, column: Column) -> Iterable[Rule]:
        """Ask for the values at which, in the calls that the rule matches, most fail."""
        shares = []
        for (kind, value), rows in column.values.items():
            inside = rows & rule.rows
            hits = (inside & self.failed).bit_count()
            if hits and kind in ("string", "number", "boolean"):
                shares.append((hits / inside.bit_count(), hits, value, rows))
        if len(shares) < 2:
            return
        shares.sort(key=lambda one: (-one[0], -one[1]))
        chosen: list[object] = []
        whole = 0
        price = self._priors.bits(column.path) + math.log2(len(column.values))
        for at, (share, _, value, rows) in enumerate(shares):
            chosen.append(value)
            whole |= rows
            last = at + 1 == len(shares) or shares[at + 1][0] != share
            if len(chosen) < 2 or not last:
                continue
            bits = price + len(chosen) + self._priors.value_bits(column.path, value)
            literal = Literal(
                column.path, {"in": list(chosen)}, whole, bits, Form.VALUES, tuple(chosen)
            )
            left = rule.rows & whole
            hits = (left & self.failed).bit_count()
            gain = self._gain.of(hits, left.bit_count()) - rule.bits - bits
            if left != rule.rows:
                yield Rule((*rule.literals, literal), left, gain)

    def _minimal(self, rule: Rule, given: int) -> Rule:
        """Leave out what explains nothing beside the rest."""
        at = given
        while at < len(rule.literals) and len(rule.literals) > 1:
            shorter = self.rule((*rule.literals[:at], *rule.literals[at + 1 :]))
            if shorter.gain > rule.gain:
                rule, at = shorter, given
            else:
                at += 1
        return rule
