"""What JSON values mean to patterns: equality, numbers, and safe copies.

A request may hold objects that are no JSON: an SDK's "not given" mark, pydantic models, iterators,
bytes. Nothing here calls, iterates or compares them; they equal nothing and contain nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Callable, Dict, TypeVar, Union

if TYPE_CHECKING:
    from typing_extensions import TypeGuard

T = TypeVar("T")
Number = Union[int, float]

MAPPING = (dict, Mapping)
"""`isinstance(value, MAPPING)` tries the cheap exact case first.

Of `collections.abc`: `isinstance` with the one of `typing` takes several times as long.
"""

LIST = (list, tuple)


class _Missing:
    """The value of a path that leads nowhere."""

    def __repr__(self) -> str:
        return "nothing"


MISSING = _Missing()


def is_number(value: object) -> TypeGuard[Number]:
    """Tell whether this is a JSON number; booleans are not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def equal(value: object, other: object) -> bool:
    """Compare as JSON does: 1 equals 1.0, true is not 1, and NaN equals nothing."""
    if isinstance(other, str):
        return isinstance(value, str) and str.__eq__(value, other)
    if other is None or isinstance(other, bool):
        return value is other
    if isinstance(other, (int, float)):
        return is_number(value) and value == other
    if isinstance(other, LIST):
        return (
            isinstance(value, LIST)
            and len(value) == len(other)
            and all(equal(mine, theirs) for mine, theirs in zip(value, other))
        )
    if isinstance(other, MAPPING):
        return (
            isinstance(value, MAPPING)
            and len(value) == len(other)
            and all(key in value and equal(value[key], other[key]) for key in other)
        )
    return False


def same(value: object, other: object) -> bool:
    """Tell whether writing `other` over `value` would change nothing in what is sent."""
    if value is other:
        return True
    if isinstance(other, LIST):
        return isinstance(value, LIST) and len(value) == len(other) and all(map(same, value, other))
    if isinstance(other, dict):
        return (
            isinstance(value, MAPPING)
            and value.keys() == other.keys()
            and all(same(value[key], other[key]) for key in other)
        )
    return type(value) is type(other) and equal(value, other)


def copied(value: T) -> T:
    """Copy the containers of a JSON value, so that nobody shares them with a pattern."""
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}  # type: ignore[return-value]
    if isinstance(value, list):
        return [copied(item) for item in value]  # type: ignore[return-value]
    return value


JSON_TYPES: Dict[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "string": lambda value: isinstance(value, str),
    "number": is_number,
    "integer": lambda value: is_number(value) and value == value // 1,
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, LIST),
    "object": lambda value: isinstance(value, MAPPING),
}
"""The JSON types by name, each with its test; 1.0 is an integer, as in JSON Schema."""


def is_json(value: object) -> bool:
    """Tell whether the value is JSON on its outside; NaN is not."""
    if isinstance(value, float):
        return value == value
    return value is None or isinstance(value, (str, bool, int, dict, list, tuple, Mapping))


_NAMES = {
    type(None): "null",
    str: "string",
    bool: "boolean",
    int: "number",
    list: "array",
    tuple: "array",
    dict: "object",
}


def type_name(value: object) -> str:
    """Name the JSON type of a value for a message."""
    known = _NAMES.get(type(value))
    if known is not None:
        return known
    for name in ("null", "string", "boolean", "number", "array", "object"):
        if JSON_TYPES[name](value):
            return name
    return type(value).__name__
