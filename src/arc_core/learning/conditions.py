"""Writes rules as conditions of the pattern language, with bounds that hold beyond the sample."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

from arc_core.learning import models
from arc_core.learning.columns import Column, Columns, Range
from arc_core.learning.examples import Rows, members
from arc_core.learning.literals import MODELS, Form, Literal
from arc_core.learning.numbers import roundest, roundest_above
from arc_protocol.patterns.conditions import compile_condition

Condition = dict[str, Any]

_ENOUGH_MODELS = 2
"""So many models that fail alike make a fault of the request likely, not of the model."""


class Writer:
    """Writes the rules that were found in one sample."""

    def __init__(self, columns: Columns, failed: Rows, among: Rows, blames_model: bool) -> None:
        self._columns = columns
        self._failed = failed
        self._among = among
        self._blames_model = blames_model

    def write(self, literals: Sequence[Literal]) -> Condition:
        """Return the condition that asks all of the questions."""
        parts = [self._part(one, self._inside(literals, one)) for one in literals]
        if not any(literal.is_model for literal in literals):
            same = self.same_models(self._inside(literals, None))
            parts += [same] if same else []
        return combined(parts)

    def _inside(self, literals: Sequence[Literal], but: Literal | None) -> Rows:
        """Return the calls that satisfy all questions but one."""
        return reduce(
            lambda rest, one: rest if one is but else rest & one.rows, literals, self._among
        )

    def _part(self, literal: Literal, inside: Rows) -> Condition:
        path = literal.path
        if literal.form is Form.GIVEN:
            return dict(literal.requirement)
        if literal.is_model and literal.form in (Form.VALUE, Form.VALUES):
            return self._models(literal, inside)
        bound = self.bound(literal, inside)
        if bound is None:
            return {path: literal.requirement}
        nearest, beyond, above = bound
        if above:
            asked: Any = {">": roundest(nearest, beyond)}
        else:
            asked = {"<": roundest_above(beyond, nearest)}
        name = _UNITS.get(literal.form)
        return {path: {name: asked} if name else asked}

    def bound(self, literal: Literal, inside: Rows) -> tuple[float, float, bool] | None:
        """Return the healthy value nearest to the failing ones, the nearest failing one, the side.

        None when the question is not one of a bound, or no healthy call is on the other side.
        """
        column = self._columns.by_path.get(literal.path)
        if column is None or literal.form not in _RANGES:
            return None
        ranges, above = _RANGES[literal.form](column), literal.form is not Form.BELOW
        above = above and literal.form is not Form.COUNT_BELOW
        side = 1 if above else 0
        limit = literal.value
        healthy = [
            ranges[row][side]
            for row in members(inside & ~self._failed & ~literal.rows)
            if row in ranges
        ]
        if not healthy:
            return None
        return (max(healthy) if above else min(healthy)), limit, above

    def _models(self, literal: Literal, inside: Rows) -> Condition:
        failing = literal.value if literal.form is Form.VALUES else (literal.value,)
        column = self._columns.by_path[literal.path]
        others = [
            value
            for (kind, value), rows in column.values.items()
            if kind == "string" and value not in failing and rows & ~self._failed
        ]
        if not all(isinstance(name, str) for name in failing):
            return {literal.path: literal.requirement}
        return {literal.path: models.requirement(failing, others)}

    def same_models(self, inside: Rows) -> Condition | None:
        """Ask for the models that a rule was seen to hold of, unless these are many.

        `inside` are the calls that satisfy the rule. One family is not many, and neither are any
        if the errors say that it is a matter of the model.
        """
        for path in MODELS:
            failing = self._at(path, inside & self._failed)
            others = self._at(path, self._among) - failing
            if not failing or not others:
                continue
            family = models.family(failing, self._at(path, inside & ~self._failed) - failing)
            if family is not None:
                return {path: family}
            if len(failing) < _ENOUGH_MODELS or self._blames_model:
                return {path: models.requirement(failing, others)}
        return None

    def of_same_models(self, literals: Sequence[Literal], among: Rows) -> Rows:
        """Return the calls to the models that a condition will be written for."""
        if any(literal.is_model for literal in literals):
            return among  # what is compared has the same models then
        asked = self.same_models(self._inside(literals, None))
        if asked is None:
            return among
        [(path, requirement)] = asked.items()
        holds = compile_condition({"model": requirement}, "model").check
        models = self._columns.by_path[path].values.items()
        asked_for = (
            rows
            for (kind, name), rows in models
            if kind == "string" and holds({"model": name}, {"model": name})
        )
        return reduce(lambda whole, rows: whole | rows, asked_for, 0) & among

    def family(self, inside: Rows) -> Condition | None:
        """Ask for the family of the models that failed, whatever became of its other calls."""
        for path in MODELS:
            failing = self._at(path, inside & self._failed)
            family = models.family(failing, ()) if failing else None
            if family is not None:
                return {path: family}
        return None

    def _at(self, path: str, rows: Rows) -> set[str]:
        """Return the texts that some of the calls have at a path."""
        column = self._columns.by_path.get(path)
        return (
            {value for (kind, value), found in column.values.items() if found & rows}
            if column is not None and set(column.types) == {"string"}
            else set()
        )


def combined(parts: Sequence[Condition]) -> Condition:
    """Put conditions together; what cannot stand beside each other goes below `all_of`."""
    whole: Condition = {}
    apart: list[Condition] = []
    for part in parts:
        if part in apart or all(whole.get(key) == value for key, value in part.items()):
            continue
        if not whole.keys() & part.keys():
            whole.update(part)
        elif not _merge(whole, part):
            apart.append(part)
    if apart:
        whole = {**whole, "all_of": [*whole.get("all_of", []), *apart]}
    return whole


def _merge(whole: Condition, part: Condition) -> bool:
    """Merge operators that ask one plain path; tell whether that was possible."""
    if len(part) != 1:
        return False
    [(path, asked)] = part.items()
    known = whole[path]
    if "[*]" in path or "**" in path or path in ("any_of", "all_of", "not"):
        return False
    if asked == {"exists": True}:
        return bool(known != {"exists": False})
    if known == {"exists": True} and asked != {"exists": False}:
        whole[path] = asked
        return True
    if not isinstance(known, dict) or not isinstance(asked, dict):
        return False
    for name in known.keys() & asked.keys():
        pair = (known[name], asked[name])
        if name not in _STRICTER or not all(isinstance(one, (int, float)) for one in pair):
            return False
        asked = {**asked, name: _STRICTER[name](pair)}
    if False in (known.get("exists"), asked.get("exists")):
        return False
    whole[path] = {**known, **asked}
    return True


_STRICTER: dict[str, Any] = {">": max, ">=": max, "<": min, "<=": min}


def _numbers(column: Column) -> dict[int, Range]:
    return column.numbers


def _counts(column: Column) -> dict[int, Range]:
    return column.counts


def _lengths(column: Column) -> dict[int, Range]:
    return column.lengths


_RANGES = {
    Form.ABOVE: _numbers,
    Form.BELOW: _numbers,
    Form.COUNT_ABOVE: _counts,
    Form.COUNT_BELOW: _counts,
    Form.LONGER: _lengths,
}
_UNITS = {Form.COUNT_ABOVE: "count", Form.COUNT_BELOW: "count", Form.LONGER: "len"}
