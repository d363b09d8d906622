"""Operators: what a condition may ask of a value. One function each, found by its name.

A check is called with the value and the whole request (for comparisons with other fields). It
answers true or false, or raises `EvaluationError`.
"""

from __future__ import annotations

import difflib
import operator as compare
from functools import partial
from typing import (
    TYPE_CHECKING,
    Callable,
    Dict,
    Iterable,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
)

from arc_protocol.errors import PatternError
from arc_protocol.patterns.arguments import KINDS, bind
from arc_protocol.patterns.limits import show
from arc_protocol.patterns.paths import Path, parse_path
from arc_protocol.patterns.regex import compile_search
from arc_protocol.patterns.structure import STRUCTURAL_TESTS
from arc_protocol.patterns.values import (
    JSON_TYPES,
    LIST,
    MISSING,
    Number,
    equal,
    is_json,
    is_number,
    type_name,
)

if TYPE_CHECKING:
    from typing_extensions import TypeGuard

Check = Callable[[object, object], bool]
"""Tests one value; the second argument is the whole request."""

OPERATORS: Dict[str, Callable[[object, str], Check]] = {}
"""Compilers of operators by name: from argument and field name to a check."""

COLLECTIVE: Set[str] = set()
"""Names of the operators that look at all elements of a list, or at all hits of a path."""


class EvaluationError(Exception):
    """The condition cannot be evaluated on this request; the message says why."""


def operator(
    name: str, *, collective: bool = False
) -> Callable[[Callable[[object, str], Check]], Callable[[object, str], Check]]:
    """Register a compiler of an operator."""

    def register(compiler: Callable[[object, str], Check]) -> Callable[[object, str], Check]:
        OPERATORS[name] = compiler
        if collective:
            COLLECTIVE.add(name)
        return compiler

    return register


def compile_operator(name: str, argument: object, where: str) -> Check:
    """Compile one operator, refusing names that do not exist."""
    if name not in OPERATORS:
        near = difflib.get_close_matches(name, OPERATORS, n=1, cutoff=0.5)
        hint = f"did you mean {show(near[0])}?" if near else f"known: {', '.join(OPERATORS)}."
        raise PatternError(
            f"{where} has the unknown operator {show(name)}; {hint} "
            'To compare with an object write {"==": {...}}.'
        )
    return OPERATORS[name](argument, f"{where}.{name}")


def compile_check(requirement: object, where: str) -> Check:
    """Compile what one value must be: a literal, or operators that all must hold."""
    if not isinstance(requirement, dict):
        return OPERATORS["=="](requirement, where)
    if not requirement or "exists" in requirement:
        raise PatternError(f"{where} is {show(requirement)}; it must be a literal or operators.")
    return every(
        [
            on_list(compile_operator(name, argument, where))
            if name in COLLECTIVE
            else compile_operator(name, argument, where)
            for name, argument in requirement.items()
        ]
    )


def every(checks: Sequence[Check]) -> Check:
    """Combine checks so that all must hold; one that is false outweighs one that raises."""
    if len(checks) == 1:
        return checks[0]

    def check(value: object, request: object) -> bool:
        failure: Optional[Exception] = None
        for one in checks:
            try:
                if not one(value, request):
                    return False
            except Exception as error:  # noqa: PERF203 - the others still decide
                failure = error
        if failure is not None:
            raise failure
        return True

    return check


def some(checks: Sequence[Check]) -> Check:
    """Combine checks so that one must hold; one that is true outweighs one that raises."""
    return negate(every([negate(check) for check in checks]))


def negate(check: Check) -> Check:
    """Turn a check around; what cannot be evaluated stays so."""
    return lambda value, request: not check(value, request)


def every_value(check: Check, values: Iterable[object], request: object) -> bool:
    """Tell whether all values pass; one that fails outweighs one that raises."""
    failure: Optional[Exception] = None
    for value in values:
        try:
            if not check(value, request):
                return False
        except Exception as error:  # noqa: PERF203 - the others still decide
            failure = error
    if failure is not None:
        raise failure
    return True


def some_value(check: Check, values: Iterable[object], request: object) -> bool:
    """Tell whether one value passes; one that passes outweighs one that raises."""
    return not every_value(negate(check), values, request)


def on_list(check: Check) -> Check:
    """Let a collective check apply to the elements of a value; it is false for other values."""
    return lambda value, request: isinstance(value, LIST) and check(value, request)


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


def _ordering(holds: Callable[[Number, Number], bool], argument: object, where: str) -> Check:
    amount = compile_amount(argument, where)
    if is_number(argument):
        limit = argument

        def beyond(value: object, request: object) -> bool:
            # The exact types first: this is what most patterns ask of most calls.
            if type(value) is float or type(value) is int:
                return holds(value, limit)
            return _comparable(value) and holds(value, limit)

        return beyond

    def beyond_field(value: object, request: object) -> bool:
        other = amount(request)
        return _comparable(value) and other is not None and holds(value, other)

    return beyond_field


def _comparable(value: object) -> TypeGuard[Number]:
    """Tell whether a value has an order; null has none, and other values cannot be evaluated."""
    if is_number(value) or value is None:
        return value is not None
    raise EvaluationError(f"a {type_name(value)} cannot be compared with a number")


for _name, _holds in {">": compare.gt, ">=": compare.ge, "<": compare.lt, "<=": compare.le}.items():
    OPERATORS[_name] = partial(_ordering, _holds)


@operator("==")
def equals(argument: object, where: str) -> Check:
    """The value equals a literal or another field."""
    reference = compile_reference(argument, where)
    if reference is not None:
        return lambda value, request: equal(value, reference.resolve(request))
    return lambda value, request: equal(value, argument)


@operator("!=")
def differs(argument: object, where: str) -> Check:
    """The value is there and is another one."""
    return _known_and_not(equals(argument, where))


@operator("in")
def is_in(argument: object, where: str) -> Check:
    """The value equals one of a list."""
    if not isinstance(argument, list):
        raise PatternError(f"{where} is {show(argument)}; it must be a list of literals.")
    texts = frozenset(item for item in argument if isinstance(item, str))
    return lambda value, request: (
        value in texts if type(value) is str else any(equal(value, item) for item in argument)
    )


@operator("not_in")
def is_not_in(argument: object, where: str) -> Check:
    """The value is there and equals none of a list."""
    return _known_and_not(is_in(argument, where))


@operator("type")
def has_type(argument: object, where: str) -> Check:
    """The value has a JSON type, or one of several."""
    names = argument if isinstance(argument, list) else [argument]
    tests = [JSON_TYPES[name] for name in names if isinstance(name, str) and name in JSON_TYPES]
    if len(tests) < len(names) or not names:
        raise PatternError(f"{where} is {show(argument)}; use one of {', '.join(JSON_TYPES)}.")
    return lambda value, request: any(test(value) for test in tests)


@operator("matches")
def matches(argument: object, where: str) -> Check:
    """The value is a text in which an RE2 expression is found."""
    search = compile_search(argument, where)
    return lambda value, request: isinstance(value, str) and search(value)


@operator("len")
def has_length(argument: object, where: str) -> Check:
    """The value is a text of so many characters."""
    check = compile_check(argument, where)
    return lambda value, request: isinstance(value, str) and check(len(value), request)


@operator("bytes")
def has_bytes(argument: object, where: str) -> Check:
    """The value is a text of so many bytes in UTF-8."""
    check = compile_check(argument, where)
    return lambda value, request: (
        isinstance(value, str)
        and check(
            len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass")), request
        )
    )


@operator("count", collective=True)
def has_count(argument: object, where: str) -> Check:
    """There are so many elements or hits."""
    check = compile_check(argument, where)
    return lambda values, request: check(len(values), request)  # type: ignore[arg-type]


@operator("not")
def is_not(argument: object, where: str) -> Check:
    """The value is there and does not pass."""
    return _known_and_not(compile_check(argument, where))


@operator("is")
def passes_structural_test(argument: object, where: str) -> Check:
    """The value passes a named structural test, given by name or as `{name: arguments}`."""
    name, arguments = named(argument, where, STRUCTURAL_TESTS)
    test = STRUCTURAL_TESTS[name]
    given = bind(test, arguments, f"{where}.{name}")
    return lambda value, request: test(value, **given)


def named(argument: object, where: str, known: Mapping[str, object]) -> Tuple[str, object]:
    """Read `"name"` or `{"name": {...arguments}}`, refusing names that do not exist."""
    name: object = argument
    arguments: object = {}
    if isinstance(argument, dict) and len(argument) == 1:
        [(name, arguments)] = argument.items()
    if not isinstance(name, str) or name not in known:
        raise PatternError(f"{where} is {show(argument)}; known names: {', '.join(sorted(known))}.")
    return name, arguments


def _known_and_not(check: Check) -> Check:
    """Turn a check around for JSON values; NaN and foreign objects pass neither way."""
    return lambda value, request: is_json(value) and not check(value, request)
