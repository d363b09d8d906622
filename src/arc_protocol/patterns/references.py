"""References to other fields of the request, as operands of conditions and bounds of fixes."""

from __future__ import annotations

from typing import Callable, NamedTuple, Optional

from arc_protocol.errors import PatternError
from arc_protocol.patterns.arguments import KINDS
from arc_protocol.patterns.checks import EvaluationError
from arc_protocol.patterns.limits import show
from arc_protocol.patterns.paths import Path, parse_path
from arc_protocol.patterns.values import MISSING, Number, is_number, type_name


class Reference(NamedTuple):
    """Another field of the request: its number times `times` plus `plus`."""

    path: Path
    times: Number
    plus: Number

    def resolve(self, request: object) -> object:
        """Return the value of the field, or `MISSING`."""
        value = self.path.get(request)
        if self.times == 1 and self.plus == 0:
            return value
        if value is None or value is MISSING:
            return MISSING
        if not is_number(value):
            raise EvaluationError(f"{self.path.text} is a {type_name(value)}, not a number")
        return value * self.times + self.plus


Amount = Callable[[object], Optional[Number]]
"""A number, or another field of the request; None when that field is missing or null."""


def compile_reference(document: object, where: str) -> Optional[Reference]:
    """Compile `{"field": path, "times": n, "plus": n}`, or return None for anything else."""
    if not isinstance(document, dict) or "field" not in document:
        return None
    if not document.keys() <= {"field", "times", "plus"}:
        raise PatternError(
            f"{where} is {show(document)}; beside field only times and plus are allowed."
        )
    field, times, plus = document["field"], document.get("times", 1), document.get("plus", 0)
    if not isinstance(field, str) or not is_number(times) or not is_number(plus):
        raise PatternError(
            f"{where} is {show(document)}; field must be a path, times and plus numbers."
        )
    path = parse_path(field, where)
    if not path.plain:
        raise PatternError(f"{where}.field is {show(field)}; it must lead to one value.")
    return Reference(path, times, plus)


def compile_amount(document: object, where: str) -> Amount:
    """Compile a number or a reference to one."""
    if is_number(document):
        return lambda request: document
    reference = compile_reference(document, where)
    if reference is None:
        raise PatternError(
            f'{where} is {show(document)}; it must be a number or {{"field": "a.path"}}.'
        )

    def amount(request: object) -> Optional[Number]:
        value = reference.resolve(request)
        if value is None or value is MISSING:
            return None
        if not is_number(value):
            raise EvaluationError(f"{reference.path.text} is a {type_name(value)}, not a number")
        return value

    return amount


KINDS[Amount] = compile_amount
