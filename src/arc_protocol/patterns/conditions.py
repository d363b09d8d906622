"""Conditions: a mapping from path to what must hold there, compiled to one check."""

from __future__ import annotations

from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

from arc_protocol.errors import PatternError
from arc_protocol.patterns.arguments import KINDS
from arc_protocol.patterns.checks import Check, every, every_value, negate, some, some_value
from arc_protocol.patterns.limits import show
from arc_protocol.patterns.operators import COLLECTIVE, compile_check, compile_operator, operator
from arc_protocol.patterns.paths import Path, parse_path
from arc_protocol.patterns.values import MAPPING, MISSING


class Clause(NamedTuple):
    """One entry of a condition: what must hold at one path, or a combination of conditions."""

    text: str
    """The path, or the name of the combination."""
    requirement: object
    """What must hold there, as written."""
    check: Check
    path: Optional[Path]
    """None for a combination."""
    parts: Tuple[Condition, ...]
    """The conditions that are combined."""


class Condition(NamedTuple):
    """A compiled condition; all its clauses must hold."""

    clauses: Tuple[Clause, ...]
    check: Check


def compile_condition(document: object, where: str) -> Condition:
    """Compile a condition that `limits.plain_json` has checked."""
    if not isinstance(document, dict) or not document:
        raise PatternError(
            f"{where} is {show(document)}; it must be an object with at least one path, "
            'like {"temperature": {">": 0.9}}.'
        )
    clauses = tuple(_clause(key, value, where) for key, value in document.items())
    return Condition(clauses, every([clause.check for clause in clauses]))


def _clause(key: str, requirement: object, where: str) -> Clause:
    if key in COMBINATIONS:
        combine, several = COMBINATIONS[key]
        at = f"{where}.{key}"
        if several and not (isinstance(requirement, list) and requirement):
            raise PatternError(f"{at} is {show(requirement)}; it must be a list of conditions.")
        documents: List[object] = requirement if several else [requirement]  # type: ignore[assignment]
        parts = tuple(compile_condition(document, at) for document in documents)
        return Clause(key, requirement, combine([part.check for part in parts]), None, parts)
    path = parse_path(key, where)
    check = _at_path(path, requirement, f"{where}.{key}")
    return Clause(key, requirement, check, path, ())


COMBINATIONS: Dict[str, Tuple[Callable[[List[Check]], Check], bool]] = {
    "any_of": (some, True),
    "all_of": (every, True),
    "not": (lambda checks: negate(checks[0]), False),
}
"""Reserved keys of a condition: how they combine, and whether they take a list."""


def _at_path(path: Path, requirement: object, where: str) -> Check:
    operators = dict(requirement) if isinstance(requirement, dict) else {"==": requirement}
    if not operators:
        raise PatternError(
            f'{where} is {{}}; write {{"==": {{}}}} to compare with an empty object.'
        )
    exists = operators.pop("exists", None)
    if exists is not None and not isinstance(exists, bool):
        raise PatternError(f"{where}.exists is {show(exists)}; it must be true or false.")
    if exists is False:
        if operators:
            raise PatternError(f"{where} asks for a missing value and more of it; keep one.")
        return (
            (lambda scope, request: path.get(scope) is MISSING)
            if path.plain
            else (lambda scope, request: not path.find(scope))
        )
    if path.plain:
        return _one(path, compile_check(operators, where) if operators else None)
    return _several(path, operators, exists is not None, where)


def _one(path: Path, check: Optional[Check]) -> Check:
    """Ask the one value at a plain path; when it is missing the answer is no."""
    if check is None:
        return lambda scope, request: path.get(scope) is not MISSING
    if len(path.segments) != 1 or not isinstance(path.segments[0], str):

        def deep(scope: object, request: object) -> bool:
            value = path.get(scope)
            return value is not MISSING and check(value, request)

        return deep
    key = path.segments[0]

    def shallow(scope: object, request: object) -> bool:
        if type(scope) is dict or isinstance(scope, MAPPING):
            value = scope.get(key, MISSING)
            return value is not MISSING and check(value, request)
        return False

    return shallow


def _several(path: Path, operators: Dict[str, object], exists: bool, where: str) -> Check:
    """Ask the hits of a path with a wildcard: one of them, or all of them together."""
    single = [
        compile_operator(name, argument, where)
        for name, argument in operators.items()
        if name not in COLLECTIVE
    ]
    together = [
        compile_operator(name, argument, where)
        for name, argument in operators.items()
        if name in COLLECTIVE
    ]
    if exists:
        together.append(lambda values, request: bool(values))
    if single:
        one = every(single)
        together.append(lambda values, request: some_value(one, values, request))  # type: ignore[arg-type]
    all_of_them = every(together)
    return lambda scope, request: all_of_them(path.hits(scope), request)


@operator("any", collective=True)
def any_element(argument: object, where: str) -> Check:
    """One element satisfies a condition; its paths start at the element."""
    check = compile_condition(argument, where).check
    return lambda values, request: some_value(check, values, request)  # type: ignore[arg-type]


@operator("all", collective=True)
def all_elements(argument: object, where: str) -> Check:
    """Every element satisfies a condition; there may be none."""
    check = compile_condition(argument, where).check
    return lambda values, request: every_value(check, values, request)  # type: ignore[arg-type]


@operator("none", collective=True)
def no_element(argument: object, where: str) -> Check:
    """No element satisfies a condition."""
    return negate(any_element(argument, where))


KINDS[Check] = lambda document, where: compile_condition(document, where).check
