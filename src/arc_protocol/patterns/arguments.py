"""Arguments of structural tests and operations: a function's keyword parameters are its schema.

`bind` checks what a document gives against the parameters and compiles it, so that the function
gets ready-made values. What an annotation accepts is the table `KINDS`; other modules add to it.
"""

from __future__ import annotations

import inspect
from functools import lru_cache
from typing import (
    Any,
    Callable,
    Dict,
    FrozenSet,
    List,
    Literal,
    Mapping,
    Tuple,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from arc_protocol.errors import PatternError
from arc_protocol.patterns.limits import show
from arc_protocol.patterns.values import is_number

Compiler = Callable[[object, str], object]
"""Checks one argument and returns what the function gets; the text names the field."""

Json = object
"""Annotation of a parameter that takes any JSON value."""


def bind(
    function: Callable[..., Any], argument: object, where: str, whole: bool = False
) -> Dict[str, object]:
    """Check and compile the argument of a named function; `whole` allows the first one alone.

    With `whole`, an argument that is no mapping is the value of the first parameter, and the only
    parameter of a function always gets the whole argument.
    """
    schema = _schema(function)
    names = list(schema)
    if whole and names and (len(names) == 1 or not isinstance(argument, dict)):
        argument = {names[0]: argument}
    if not isinstance(argument, dict):
        raise PatternError(f"{where} has {show(argument)}; its arguments must be an object.")
    for name in argument:
        if name not in schema:
            known = ", ".join(names) or "none"
            raise PatternError(f'{where} has the unknown argument "{name}"; known: {known}.')
    for name, (_, required) in schema.items():
        if required and name not in argument:
            raise PatternError(f'{where} lacks the argument "{name}".')
    return {name: schema[name][0](value, f"{where}.{name}") for name, value in argument.items()}


@lru_cache(maxsize=None)
def _schema(function: Callable[..., Any]) -> Mapping[str, Tuple[Compiler, bool]]:
    hints = get_type_hints(function)
    return {
        name: (_compiler(hints[name]), parameter.default is parameter.empty)
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }


def _compiler(annotation: Any) -> Compiler:
    if get_origin(annotation) is Union:
        annotation = next(kind for kind in get_args(annotation) if kind is not type(None))
    if get_origin(annotation) is Literal:
        return _choice(get_args(annotation))
    return KINDS[annotation]


def _choice(values: Tuple[object, ...]) -> Compiler:
    def check(value: object, where: str) -> object:
        if value not in values:
            raise PatternError(f"{where} is {show(value)}; use one of {show(list(values))}.")
        return value

    return check


def _anything(value: object, where: str) -> object:
    return value


def _text(value: object, where: str) -> object:
    return _require(isinstance(value, str), value, where, "a string")


def _flag(value: object, where: str) -> object:
    return _require(isinstance(value, bool), value, where, "true or false")


def _count(value: object, where: str) -> object:
    fits = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return _require(fits, value, where, "a whole number of 0 or more")


def _number(value: object, where: str) -> object:
    return _require(is_number(value), value, where, "a number")


def _texts(value: object, where: str) -> object:
    fits = isinstance(value, list) and all(isinstance(item, str) for item in value)
    return _require(fits, value, where, "a list of strings")


def _set_of_texts(value: object, where: str) -> object:
    return frozenset(_texts(value, where))  # type: ignore[call-overload]  # checked to be a list


def _values(value: object, where: str) -> object:
    return _require(isinstance(value, list), value, where, "a list")


def _require(fits: bool, value: object, where: str, right: str) -> object:
    if not fits:
        raise PatternError(f"{where} is {show(value)}; it must be {right}.")
    return value


KINDS: Dict[Any, Compiler] = {
    Json: _anything,
    str: _text,
    bool: _flag,
    int: _count,
    float: _number,
    List[str]: _texts,
    FrozenSet[str]: _set_of_texts,
    List[object]: _values,
}
"""What a parameter of each annotation accepts."""
