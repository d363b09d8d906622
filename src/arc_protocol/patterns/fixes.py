"""Fixes: JSON Merge Patch with paths as keys, or an operation at a path.

A fix compiles to steps that run in the order written. An operation is one function whose keyword
arguments are its schema; applied to its own result, it changes nothing.
"""

from __future__ import annotations

from functools import partial
from typing import (
    Any,
    Callable,
    Dict,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
)

from arc_protocol.errors import PatternError
from arc_protocol.patterns.arguments import bind
from arc_protocol.patterns.edit import Edit
from arc_protocol.patterns.limits import show
from arc_protocol.patterns.paths import Location, Path, parse_path
from arc_protocol.patterns.values import MAPPING, MISSING, copied, is_json

Request = Mapping[str, Any]
F = TypeVar("F", bound=Callable[..., Any])

Step = Callable[[Edit, Location], None]
"""Changes the request; the location is where its paths start."""

Compiler = Callable[[object, Path, str], Step]
"""From argument, path and field name to a step."""

OPERATIONS: Dict[str, Compiler] = {}
"""Where operations register under their names; `operations` returns them complete."""


class Fix(NamedTuple):
    """A compiled fix."""

    step: Step
    setter: Optional[Callable[[Request], Request]]
    """The whole fix, when all it does is to set top-level fields to scalars."""
    fields: Sequence[Location]
    """What the setter sets."""

    def apply(
        self, body: Request, claims: Mapping[Location, str]
    ) -> Tuple[Request, Sequence[Location]]:
        """Return the fixed request and the places written; the very same request if unchanged.

        Raises:
            ConflictError: a place is claimed; nothing of the fix counts then.
        """
        if self.setter is not None and not claims:
            return self.setter(body), self.fields
        edit = Edit(body, claims)
        self.step(edit, ())
        return edit.body, edit.written


def compile_fix(document: object, where: str) -> Fix:
    """Compile a fix that `limits.plain_json` has checked."""
    step = compile_step(document, where)
    literals = _literals(document)
    if literals is None:
        return Fix(step, None, ())
    return Fix(step, _setter(literals), [(name,) for name in literals])


def _setter(literals: Dict[str, object]) -> Callable[[Request], Request]:
    items = tuple(literals.items())

    def setter(body: Request) -> Request:
        for name, value in items:
            old = body.get(name, MISSING)
            # Of one exact type and a scalar: nothing foreign is compared.
            if type(old) is not type(value) or old != value:
                return {**body, **literals}
        return body

    return setter


def operations() -> Mapping[str, Compiler]:
    """Return every operation by name; their modules are imported when the first one is used."""
    from arc_protocol.patterns import vocabulary  # noqa: F401  # registers

    return OPERATIONS


def compile_step(document: object, where: str) -> Step:
    """Compile a fix to one step; its paths start where the step is told to work."""
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
    return sequence(steps)


def compile_operation(document: object, path: Path, where: str) -> Step:
    """Compile `{operation: argument}` at a path."""
    name = next(iter(document), None) if isinstance(document, dict) and len(document) == 1 else None
    compilers = operations()
    if name not in compilers:
        known = ", ".join(sorted(compilers))
        raise PatternError(f"{where} is {show(document)}; give one operation of {known}.")
    return compilers[name](document[name], path, f"{where}.{name}")  # type: ignore[index]


def sequence(steps: List[Step]) -> Step:
    """Combine steps that run one after the other."""
    if len(steps) == 1:
        return steps[0]

    def run(edit: Edit, base: Location) -> None:
        for step in steps:
            step(edit, base)

    return run


def write(path: Path, value: object) -> Step:
    """Make a step that writes a value wherever a path can be written."""

    def step(edit: Edit, base: Location) -> None:
        for location in edit.targets(path, base):
            edit.put(location, copied(value))

    return step


def erase(path: Path) -> Step:
    """Make a step that removes whatever a path leads to."""

    def step(edit: Edit, base: Location) -> None:
        # From the last to the first, so that the indices before them stay right.
        for location, _ in reversed(edit.find(path, base)):
            edit.remove(location)

    return step


def operation(function: F) -> F:
    """Register a function from value and request to the new value, under its name."""
    return _register(function, partial(_at_values, function, True))


def arrangement(function: F) -> F:
    """Register an operation that arranges values but chooses none: others may still write there."""
    return _register(function, partial(_at_values, function, False))


def _at_values(
    function: Callable[..., object], chosen: bool, argument: object, path: Path, where: str
) -> Step:
    arguments = _arguments(function, argument, where)

    def step(edit: Edit, base: Location) -> None:
        for location, value in edit.find(path, base):
            edit.put(location, function(value, edit.body, **arguments), chosen=chosen)

    return step


def path_operation(function: F) -> F:
    """Register a function that edits the request at and around a path, under its name."""

    def compile_(argument: object, path: Path, where: str) -> Step:
        arguments = _arguments(function, argument, where)
        return lambda edit, base: function(edit, path, base, **arguments)

    return _register(function, compile_)


def _register(function: F, compile_: Callable[[object, Path, str], Step]) -> F:
    # A trailing underscore keeps a name apart from Python's own.
    OPERATIONS[function.__name__.rstrip("_")] = compile_
    return function


def _arguments(function: Callable[..., Any], argument: object, where: str) -> Dict[str, object]:
    arguments = bind(function, argument, where, whole=True)
    if not arguments:
        raise PatternError(f"{where} is {show(argument)}; it needs an argument.")
    return arguments


def _entry(path: Path, value: object, where: str) -> List[Step]:
    """Compile what stands at one path: a value, null, an operation or an object to merge."""
    if value is None:
        return [erase(path)]
    if not isinstance(value, dict):
        return [write(path, value)]
    names = [name for name in value if name in operations()]
    if names and len(value) > 1:
        raise PatternError(
            f"{where} has the operation {names[0]} beside other keys; "
            'give one operation, or {"set": {...}} to write the object as it is.'
        )
    if names:
        return [compile_operation(value, path, where)]
    steps = [_make_object(path)]
    for key, inner in value.items():
        steps += _entry(Path(path.text, (*path.segments, key)), inner, f"{where}.{key}")
    return steps


def _make_object(path: Path) -> Step:
    """Make sure that there is an object to merge into, as RFC 7396 has it."""

    def step(edit: Edit, base: Location) -> None:
        for location in edit.targets(path, base):
            value = edit.get(location)
            if not isinstance(value, MAPPING) and (value is MISSING or is_json(value)):
                edit.put(location, {})

    return step


def _literals(document: Any) -> Optional[Dict[str, object]]:
    """Return what is set, if the fix is nothing but scalars at top-level fields."""
    literals: Dict[str, object] = {}
    for key, value in document.items():
        segments = parse_path(key, "fix").segments
        if len(segments) > 1 or value is None or isinstance(value, (dict, list)):
            return None
        literals[str(segments[0])] = value
    return literals
