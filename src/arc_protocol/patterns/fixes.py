"""Fixes: JSON Merge Patch with paths as keys, or an operation at a path.

A fix compiles to steps that run in the order written. An operation is one function: its keyword
arguments are its schema, it gets the value and the request as it is, and returns the new value.
Applied to its own result, an operation changes nothing.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from arc_protocol.errors import PatternError
from arc_protocol.patterns.arguments import bind
from arc_protocol.patterns.edit import Edit
from arc_protocol.patterns.limits import show
from arc_protocol.patterns.operators import Amount
from arc_protocol.patterns.paths import Location, Path, parse_path
from arc_protocol.patterns.values import MAPPING, MISSING, copied, is_json, is_number

Step = Callable[[Edit, Location], None]
"""Changes the request; the location is where its paths start."""

OPERATIONS: Dict[str, Callable[[object, Path, str], Step]] = {}
"""Compilers of operations by name: from argument, path and field name to a step."""


class Fix(NamedTuple):
    """A compiled fix."""

    steps: Tuple[Step, ...]
    literals: Optional[Dict[str, object]]
    """The whole fix, when all it does is to set top-level fields to scalars."""

    def apply(self, edit: Edit) -> None:
        """Change the request in the order written."""
        for step in self.steps:
            step(edit, ())


def compile_fix(document: object, where: str) -> Fix:
    """Compile a fix that `limits.plain_json` has checked."""
    steps = compile_steps(document, where)
    literals: Optional[Dict[str, object]] = {}
    for key, value in document.items():  # type: ignore[attr-defined]  # checked to be a dict
        segments = parse_path(key, where).segments
        if len(segments) == 1 and value is not None and not isinstance(value, (dict, list)):
            literals[str(segments[0])] = value  # type: ignore[index]  # None leaves the loop
        else:
            literals = None
            break
    return Fix(tuple(steps), literals)


def compile_steps(document: object, where: str) -> List[Step]:
    """Compile a fix to its steps."""
    if not isinstance(document, dict) or not document:
        raise PatternError(
            f"{where} is {show(document)}; it must be an object with at least one path, "
            'like {"temperature": 0.7}.'
        )
    steps: List[Step] = []
    for key, value in document.items():
        path = parse_path(key, where)
        if not path.segments:
            raise PatternError(f'{where} has the path "."; a fix cannot replace the whole.')
        steps += _entry(path, value, f"{where}.{key}")
    return steps


def _entry(path: Path, value: object, where: str) -> List[Step]:
    if value is None:
        return [_remove(path)]
    if not isinstance(value, dict):
        return [_set(path, value)]
    names = [name for name in value if name in OPERATIONS]
    if names and len(value) > 1:
        raise PatternError(
            f"{where} has the operation {names[0]} beside other keys; "
            'give one operation, or {"set": {...}} to write the object as it is.'
        )
    if names:
        return [OPERATIONS[names[0]](value[names[0]], path, f"{where}.{names[0]}")]
    steps = [_object(path)]
    for key, inner in value.items():
        steps += _entry(Path(path.text, (*path.segments, key)), inner, f"{where}.{key}")
    return steps


def _set(path: Path, value: object) -> Step:
    def step(edit: Edit, base: Location) -> None:
        for location in edit.targets(path, base):
            edit.put(location, copied(value))

    return step


def _remove(path: Path) -> Step:
    def step(edit: Edit, base: Location) -> None:
        for location, _ in reversed(edit.find(path, base)):
            edit.remove(location)

    return step


def _object(path: Path) -> Step:
    """Make sure that there is an object to merge into, as RFC 7396 has it."""

    def step(edit: Edit, base: Location) -> None:
        for location in edit.targets(path, base):
            value = edit.get(location)
            if not isinstance(value, MAPPING) and (value is MISSING or is_json(value)):
                edit.put(location, {})

    return step


def operation(function: Callable[..., object]) -> Callable[..., object]:
    """Register an operation on each value that a path leads to, under the function's name."""

    def compile_(argument: object, path: Path, where: str) -> Step:
        arguments = bind(function, argument, where, whole=True)

        def step(edit: Edit, base: Location) -> None:
            for location, value in edit.find(path, base):
                edit.put(location, function(value, edit.body, **arguments))

        return step

    OPERATIONS[function.__name__] = compile_
    return function


def path_operation(function: Callable[..., None]) -> Callable[..., None]:
    """Register an operation that edits the request around a path, under the function's name."""

    def compile_(argument: object, path: Path, where: str) -> Step:
        arguments = bind(function, argument, where, whole=True)
        return lambda edit, base: function(edit, path, base, **arguments)

    OPERATIONS[function.__name__.rstrip("_")] = compile_
    return function


@path_operation
def set_(edit: Edit, path: Path, base: Location, *, value: Any) -> None:
    """Write a value as it is, also an object that would otherwise be merged."""
    _set(path, value)(edit, base)


@path_operation
def remove(edit: Edit, path: Path, base: Location, *, always: bool) -> None:
    """Remove the value, as null does."""
    _remove(path)(edit, base)


@path_operation
def default(edit: Edit, path: Path, base: Location, *, value: Any) -> None:
    """Write a value where there is none; null is a value."""
    for location in edit.targets(path, base):
        if edit.get(location) is MISSING:
            edit.put(location, copied(value))


@path_operation
def rename(edit: Edit, path: Path, base: Location, *, to: str) -> None:
    """Give a value another key in the same object; if that key is taken, its value stays."""
    for location, _ in edit.find(path, base):
        edit.rename(location, to)


@operation
def clamp(
    value: Any, request: object, *, low: Optional[Amount] = None, high: Optional[Amount] = None
) -> object:
    """Keep a number within bounds; what is no number stays."""
    if not is_number(value):
        return value
    lowest = low(request) if low else None
    highest = high(request) if high else None
    if lowest is not None and value < lowest:
        value = lowest
    return highest if highest is not None and value > highest else value
