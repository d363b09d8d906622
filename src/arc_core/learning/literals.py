"""The single questions of which conditions are made, each with the calls that answer yes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from arc_core.learning.columns import Column, Columns, Range
from arc_core.learning.examples import Rows
from arc_protocol.patterns.values import is_number

MODELS = frozenset(["model", "modelId"])
"""Paths that say which model is asked."""

WHO = frozenset(
    [
        "extra_body",
        "extra_headers",
        "metadata",
        "previous_response_id",
        "prompt_cache_key",
        "request_id",
        "safety_identifier",
        "seed",
        "session_id",
        "user",
    ]
)
"""Parameters that tell callers apart: their values foretell nothing that a fix can prevent."""

_MOST_THRESHOLDS = 12
_FEW = 20
"""Values of a setting that has names for them."""
_BROKEN_SHAPES = (
    r"[^a-zA-Z0-9_-]",
    r"^[^a-zA-Z_]",
)
"""What providers refuse in names and ids."""
_IDS = frozenset(["id", "call_id", "tool_call_id", "tool_use_id", "toolUseId"])
_NAMES = _IDS | {"name"}


class Form(Enum):
    """The form of a question; fixes and generalisations go by it."""

    EXISTS = "exists"
    ABSENT = "absent"
    LACKING = "lacking"
    VALUE = "value"
    VALUES = "values"
    TYPE = "type"
    ABOVE = "above"
    BELOW = "below"
    LONGER = "longer"
    COUNT_ABOVE = "count above"
    COUNT_BELOW = "count below"
    RELATION = "relation"
    SHAPE = "shape"
    STRUCTURE = "structure"
    GIVEN = "given"


@dataclass(frozen=True, slots=True)
class Literal:
    """One question to a request."""

    path: str
    requirement: Any
    """What must hold at the path, as the pattern language writes it."""
    rows: Rows
    """The calls of which it holds."""
    bits: float
    """What it costs to write it down; the more plausible the cheaper."""
    form: Form
    value: Any = None
    """The value, values, or bound asked for."""

    @property
    def is_model(self) -> bool:
        """Whether it asks which model is called."""
        return self.path in MODELS


class Priors:
    """How plausible a path is as a cause, before any call is looked at."""

    def __init__(self, blamed: frozenset[str]) -> None:
        self._blamed = blamed
        """Names of parameters that the errors mention."""

    def bits(self, path: str) -> float:
        """Return the price of asking about a path."""
        root = path.split(".", 1)[0].split("[", 1)[0]
        leaf = path.rsplit(".", 1)[-1].split("[", 1)[0]
        if root in WHO:
            return 14.0
        if leaf in self._blamed:
            return 1.0
        if path in MODELS:
            return 2.0
        if root in self._blamed:
            return 3.0
        if "[" not in path:
            return 4.0
        return 7.0

    def value_bits(self, path: str, value: Any) -> float:
        """Return what it costs more to ask about one value there than about another form.

        A number that fails is seldom the only one: a bound says more. Where the errors name the
        parameter but not the value, it is likely a matter of the parameter.
        """
        named = path.rsplit(".", 1)[-1].split("[", 1)[0] in self._blamed
        unsaid = named and isinstance(value, str) and value not in self._blamed
        return 3.0 if is_number(value) or unsaid else 0.0


def literals(columns: Columns, failed: Rows, everything: Rows, priors: Priors) -> list[Literal]:
    """Return the questions to which at least some failing calls say yes and others say no."""
    found: list[Literal] = []
    for column in columns.by_path.values():
        base = priors.bits(column.path)
        identifying = base >= 14 or column.path.rsplit(".", 1)[-1] in _IDS
        found += _presence(column, everything, base)
        if not identifying:
            found += _values(column, base, priors)
            found += _types(column, base)
        found += _bounds(column, failed, base)
        found += _shapes(column, base)
    found += _relations(columns, priors)
    return [one for one in found if one.rows & failed and one.rows != everything]


def _presence(column: Column, everything: Rows, base: float) -> Iterator[Literal]:
    path = column.path
    yield Literal(path, {"exists": True}, column.present, base + 1, Form.EXISTS)
    if column.plain:
        absent = everything & ~column.present
        yield Literal(path, {"exists": False}, absent, base + 2, Form.ABSENT)
    elif column.lacking:
        before, _, key = path.rpartition("[*].")
        if before and "." not in key and "[" not in key:
            asked = {"any": {key: {"exists": False}}}
            yield Literal(f"{before}[*]", asked, column.lacking, base + 2, Form.LACKING, key)


def _values(column: Column, base: float, priors: Priors) -> Iterator[Literal]:
    if len(column.values) > 200 and column.path not in MODELS:
        return
    choice = math.log2(max(2, len(column.values)))
    for (_, value), rows in column.values.items():
        bits = base + choice + max(1.0, priors.value_bits(column.path, value))
        asked = value if not isinstance(value, dict) else {"==": value}
        yield Literal(column.path, asked, rows, bits, Form.VALUE, value)
    if column.plain and 2 <= len(column.values) <= 60 and column.path not in MODELS:
        for (kind, value), rows in column.values.items():
            others = column.present & ~rows
            if kind in ("string", "number", "boolean") and others:
                bits = base + 2 + choice
                yield Literal(column.path, {"!=": value}, others, bits, Form.TYPE, value)


def _types(column: Column, base: float) -> Iterator[Literal]:
    if len(column.types) > 1:
        for kind, rows in column.types.items():
            yield Literal(column.path, {"type": kind}, rows, base + 2, Form.TYPE, kind)


def _bounds(column: Column, failed: Rows, base: float) -> Iterator[Literal]:
    path = column.path
    for above, value, rows in thresholds(column.numbers, failed):
        name, form = (">=", Form.ABOVE) if above else ("<=", Form.BELOW)
        yield Literal(path, {name: value}, rows, base + 4, form, value)
    for above, value, rows in thresholds(column.counts, failed):
        name, form = (">=", Form.COUNT_ABOVE) if above else ("<=", Form.COUNT_BELOW)
        if column.plain:
            yield Literal(path, {"count": {name: value}}, rows, base + 6, form, value)
    if path in MODELS or (len(column.values) <= _FEW and _covers(column)):
        return  # words of the API, whose lengths mean nothing
    for above, value, rows in thresholds(column.lengths, failed):
        if above or value == 0:
            name = ">=" if above else "<="
            asked = {"len": {name: value}} if value else ""
            yield Literal(path, asked, rows, base + 6, Form.LONGER if above else Form.VALUE, value)


def _covers(column: Column) -> bool:
    """Tell whether all texts of a column are short enough to be noted one by one."""
    noted = 0
    for (kind, _), rows in column.values.items():
        if kind == "string":
            noted |= rows
    return noted == column.types.get("string", 0)


def thresholds(ranges: dict[int, Range], failed: Rows) -> Iterator[tuple[bool, float, Rows]]:
    """Yield bounds at failing values: whether it is a lower one, the value, the calls beyond."""
    if len(ranges) < 2:
        return
    for above in (True, False):
        # some element is beyond: the greatest decides upwards, the least downwards
        side = 1 if above else 0
        order = sorted(ranges, key=lambda row: ranges[row][side], reverse=above)
        rows: Rows = 0
        steps: list[tuple[float, Rows]] = []
        for at, row in enumerate(order):
            rows |= 1 << row
            value = ranges[row][side]
            last = at + 1 == len(order) or ranges[order[at + 1]][side] != value
            if last and at + 1 < len(order):
                steps.append((value, rows))
        useful = [
            (value, rows)
            for at, (value, rows) in enumerate(steps)
            if (rows & ~(steps[at - 1][1] if at else 0)) & failed
        ]
        if len(useful) > _MOST_THRESHOLDS:
            kept = {round(at * (len(useful) - 1) / (_MOST_THRESHOLDS - 1)) for at in range(12)}
            useful = [useful[at] for at in sorted(kept)]
        for value, rows in useful:
            yield above, value, rows


def _shapes(column: Column, base: float) -> Iterator[Literal]:
    if column.path.rsplit(".", 1)[-1] not in _NAMES:
        return
    import re2

    for shape in _BROKEN_SHAPES:
        search = re2.compile(shape).search
        rows = 0
        for (kind, value), at in column.values.items():
            if kind == "string" and search(value):
                rows |= at
        if rows:
            yield Literal(column.path, {"matches": shape}, rows, base + 3, Form.SHAPE, shape)


def _relations(columns: Columns, priors: Priors) -> Iterator[Literal]:
    """Compare numbers with each other: a part that is as large as the whole."""
    numeric = [
        column
        for column in columns.by_path.values()
        if column.numbers and "[" not in column.path and "token" in column.path.lower()
    ]
    for column in numeric:
        for other in numeric:
            if other is column:
                continue
            rows = 0
            for row, (value, _) in column.numbers.items():
                bound = other.numbers.get(row)
                if bound is not None and value >= bound[0]:
                    rows |= 1 << row
            if rows:
                bits = priors.bits(column.path) + priors.bits(other.path) + 2
                asked = {">=": {"field": other.path}}
                yield Literal(column.path, asked, rows, bits, Form.RELATION, other.path)
