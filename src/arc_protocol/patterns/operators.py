"""Operators: what a condition may ask of a value. One function each, found by its name.

An operator compiles its argument to a check.
"""

from __future__ import annotations

import operator as compare
from functools import partial
from typing import (
    TYPE_CHECKING,
    Callable,
    Dict,
    Mapping,
    Set,
    Tuple,
)

from arc_protocol.errors import PatternError
from arc_protocol.patterns.arguments import bind
from arc_protocol.patterns.checks import Check, EvaluationError, every, on_list
from arc_protocol.patterns.limits import show
from arc_protocol.patterns.references import compile_amount, compile_reference
from arc_protocol.patterns.regex import compile_search
from arc_protocol.patterns.values import (
    JSON_TYPES,
    Number,
    equal,
    is_json,
    is_number,
    type_name,
)

if TYPE_CHECKING:
    from typing_extensions import TypeGuard

OPERATORS: Dict[str, Callable[[object, str], Check]] = {}
"""Compilers of operators by name: from argument and field name to a check."""

COLLECTIVE: Set[str] = set()
"""Names of the operators that look at all elements of a list, or at all hits of a path."""


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
        import difflib  # a fifth of a megabyte that right patterns do not need

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


@operator("starts_with")
def starts_with(argument: object, where: str) -> Check:
    """The value is a text that begins with a text, or with one of several."""
    starts = tuple(argument) if isinstance(argument, list) else (argument,)
    if not starts or not all(isinstance(start, str) and start for start in starts):
        raise PatternError(f"{where} is {show(argument)}; it must be a text or a list of texts.")
    return lambda value, request: isinstance(value, str) and str.startswith(value, starts)


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
    # many conditions need none of the tests, which take a while to import
    from arc_protocol.patterns.structure import STRUCTURAL_TESTS

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
