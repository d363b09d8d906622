"""Conditions of rules, in the format of the catalogue's `condition.match`.

A condition is compiled once into a function of the request. Operators are independent of the
pattern language on purpose: the simulator must not share the faults of what it is used to test.
"""

from __future__ import annotations

import inspect
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from arc_simulator.errors import RuleError
from arc_simulator.histories import HISTORY_TESTS
from arc_simulator.paths import Hit, Path
from arc_simulator.tokens import count_tokens

Condition = Callable[[Any], bool]
"""Tells whether a request (or, in `where`, one element of it) meets the condition."""

_LEAF_KEYS = frozenset({"path", "op"})
_GUARD_KEYS = frozenset({"if_path", "if_value", "unless_path", "unless_value"})
_VALUE_KEYS = frozenset({"value", "value_from", "factor", "quant", "if_exists"})


def compile_condition(match: Any) -> Condition:
    """Turn a `match` document into a function; raise RuleError when it is not one."""
    if not isinstance(match, Mapping):
        raise RuleError(f"match: {match!r} is not a mapping")
    if "op" in match:
        return _leaf(match)
    if len(match) == 1:
        (word, parts), *_ = match.items()
        if word in ("all", "any") and isinstance(parts, list):
            conditions = [compile_condition(part) for part in parts]
            combine = all if word == "all" else any
            return lambda request: combine(condition(request) for condition in conditions)
        if word == "not":
            condition = compile_condition(parts)
            return lambda request: not condition(request)
    raise RuleError(f"match: expected one of all, any, not, or a leaf with path and op: {match!r}")


def _leaf(leaf: Mapping[str, Any]) -> Condition:
    op, path = leaf["op"], leaf.get("path")
    if not isinstance(path, str):
        raise RuleError(f"match: the leaf with op {op!r} has no path")
    build = _SPECIAL.get(op)
    if build is not None:
        return build(leaf, Path(path))
    test = _TESTS.get(op)
    if test is None:
        raise RuleError(f"match: unknown op {op!r} on {path!r}")
    return _comparison(leaf, test, holds_when_missing=op in ("ne", "not_in"))


def _comparison(
    leaf: Mapping[str, Any], test: Callable[[Any, Any], bool], *, holds_when_missing: bool
) -> Condition:
    _check_keys(leaf, _VALUE_KEYS)
    if ("value" in leaf) == ("value_from" in leaf):
        raise RuleError(f"match: {leaf['path']!r} needs either value or value_from")
    values = _expression(leaf["path"])
    expected = _expected(leaf)
    if "value" in leaf and not _VALID_VALUES.get(leaf["op"], _is_anything)(leaf["value"]):
        raise RuleError(f"match: {leaf['value']!r} is not a value for op {leaf['op']!r}")
    combine = all if leaf.get("quant") == "all" else any
    if_missing = holds_when_missing and not leaf.get("if_exists", False)

    def holds(request: Any) -> bool:
        found = values(request)
        if not found:
            return if_missing
        return any(combine(test(value, limit) for value in found) for limit in expected(request))

    return holds


def _expected(leaf: Mapping[str, Any]) -> Callable[[Any], list[Any]]:
    if "value" in leaf:
        constant = [leaf["value"]]
        return lambda request: constant
    other = _expression(leaf["value_from"])
    factor = leaf.get("factor", 1)
    return lambda request: [value * factor for value in other(request) if _is_number(value)]


def _expression(text: str) -> Callable[[Any], list[Any]]:
    """Compile a path, `tokens(path)`, `count(path)`, or a sum or difference of these."""
    terms = re.findall(r"(^|[+-])\s*((?:tokens|count)\([^()]*\)|[^()+-]+)\s*(?=$|[+-])", text)
    if "(" not in text or "".join(sign + term for sign, term in terms) != text.replace(" ", ""):
        path = Path(text)
        return lambda request: [hit.value for hit in path.hits(request)]
    signed = [(-1 if sign == "-" else 1, _term(term.strip())) for sign, term in terms]

    def total(request: Any) -> list[Any]:
        numbers = [(sign, term(request)) for sign, term in signed]
        if not all(_is_number(number) for _, number in numbers):
            return []
        return [sum(sign * number for sign, number in numbers)]

    return total


def _term(text: str) -> Callable[[Any], Any]:
    function, _, rest = text.partition("(")
    path = Path(rest.rstrip(")") or text)
    if function == "tokens":
        return lambda request: sum(count_tokens(hit.value) for hit in path.hits(request))
    if function == "count":
        return lambda request: _count(path, request)
    return lambda request: next((hit.value for hit in path.hits(request)), None)


def _count(path: Path, request: Any) -> int:
    """Count the elements of the list that a path leads to, or else what it leads to."""
    values = [hit.value for hit in path.hits(request)]
    is_one_list = not path.is_multiple and len(values) == 1 and isinstance(values[0], list)
    return len(values[0]) if is_one_list else len(values)


def _exists(leaf: Mapping[str, Any], path: Path) -> Condition:
    _check_keys(leaf, frozenset())
    return lambda request: bool(path.hits(request))


def _absent(leaf: Mapping[str, Any], path: Path) -> Condition:
    _check_keys(leaf, frozenset())
    return path.is_lacking


def _item_matches(leaf: Mapping[str, Any], path: Path) -> Condition:
    _check_keys(leaf, frozenset({"where"}))
    condition = compile_condition(leaf.get("where"))
    return lambda request: any(condition(hit.value) for hit in path.hits(request))


def _predicate(leaf: Mapping[str, Any], path: Path) -> Condition:
    test = _structural_test(leaf.get("name"))
    arguments = {
        key: value
        for key, value in leaf.items()
        if key not in _LEAF_KEYS | _GUARD_KEYS and key != "name"
    }
    try:
        inspect.signature(test).bind(None, **arguments)
    except TypeError as error:
        raise RuleError(f"match: predicate {leaf['name']!r}: {error}") from error
    guard = _guard(leaf)

    def holds(request: Any) -> bool:
        return any(
            test(hit.value, **arguments) for hit in path.hits(request) if guard(request, hit)
        )

    return holds


def _structural_test(name: Any) -> Callable[..., bool]:
    from arc_protocol.patterns.structure import STRUCTURAL_TESTS

    tests = {**STRUCTURAL_TESTS, **HISTORY_TESTS}
    if name not in tests:
        known = ", ".join(sorted(tests))
        raise RuleError(f"match: unknown predicate {name!r}; known are {known}")
    return tests[name]


def _guard(leaf: Mapping[str, Any]) -> Callable[[Any, Hit], bool]:
    """Compile `if_path`/`unless_path`, which look at the element that the hit belongs to."""
    for word, wanted in (("if", True), ("unless", False)):
        if f"{word}_path" in leaf:
            path, expected = Path(leaf[f"{word}_path"]), leaf.get(f"{word}_value")
            return lambda request, hit: (
                wanted
                == any(
                    _is_equal(other.value, expected)
                    for other in path.hits(request)
                    if other.trail == hit.trail[: len(other.trail)]
                )
            )
    return lambda request, hit: True


def _check_keys(leaf: Mapping[str, Any], allowed: frozenset[str]) -> None:
    unknown = leaf.keys() - _LEAF_KEYS - allowed
    if unknown:
        raise RuleError(f"match: op {leaf['op']!r} does not take {', '.join(sorted(unknown))}")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_equal(value: object, other: object) -> bool:
    return value == other and isinstance(value, bool) == isinstance(other, bool)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def test(value: Any, limit: Any) -> bool:
        numbers = _is_number(value) and _is_number(limit)
        texts = isinstance(value, str) and isinstance(limit, str)
        return (numbers or texts) and compare(value, limit)

    return test


def _search(value: Any, regex: str) -> bool:
    """Search in a text, or in the texts of a list such as the parts of a message."""
    if isinstance(value, str):
        return re.search(regex, value) is not None
    if isinstance(value, list):
        return any(_search(part, regex) for part in value)
    return isinstance(value, dict) and any(_search(part, regex) for part in value.values())


def _is_regex(value: object) -> bool:
    try:
        re.compile(str(value))
    except re.error:
        return False
    return isinstance(value, str)


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _is_anything(value: object) -> bool:
    return True


def _sized(
    size: Callable[[Any], int | None], compare: Callable[[Any, Any], bool]
) -> Callable[[Any, Any], bool]:
    def test(value: Any, limit: Any) -> bool:
        measured = size(value)
        return measured is not None and compare(measured, limit)

    return test


_JSON_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "string": lambda value: isinstance(value, str),
    "number": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}

_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": _is_equal,
    "ne": lambda value, other: not _is_equal(value, other),
    "gt": _ordered(operator.gt),
    "gte": _ordered(operator.ge),
    "lt": _ordered(operator.lt),
    "lte": _ordered(operator.le),
}

_SIZES: Mapping[str, Callable[[Any], int | None]] = {
    "count": lambda value: len(value) if isinstance(value, (list, dict)) else None,
    "len": lambda value: len(value) if isinstance(value, str) else None,
    "bytes": lambda value: len(value.encode()) if isinstance(value, str) else None,
    "tokens": count_tokens,
}

_TESTS: Mapping[str, Callable[[Any, Any], bool]] = {
    **_COMPARISONS,
    **{
        f"{size}_{comparison}": _sized(measure, compare)
        for size, measure in _SIZES.items()
        for comparison, compare in _COMPARISONS.items()
    },
    "in": lambda value, options: any(_is_equal(value, option) for option in options),
    "not_in": lambda value, options: not any(_is_equal(value, option) for option in options),
    "regex": _search,
    "not_regex": lambda value, regex: not _search(value, regex),
    "type": lambda value, name: _JSON_TYPES[name](value),
}

_VALID_VALUES: Mapping[str, Callable[[Any], bool]] = {
    "in": _is_list,
    "not_in": _is_list,
    "regex": _is_regex,
    "not_regex": _is_regex,
    "type": lambda value: value in _JSON_TYPES,
}

_SPECIAL: Mapping[str, Callable[[Mapping[str, Any], Path], Condition]] = {
    "exists": _exists,
    "absent": _absent,
    "item_matches": _item_matches,
    "predicate": _predicate,
}
