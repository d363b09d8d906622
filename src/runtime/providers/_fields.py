"""Reads fields of SDK objects and mappings into attributes.

Requests come from applications and replies from any server that speaks a provider's API, so every
field may be missing or of another type than documented. Such a field is left out; nothing here
calls, iterates over or converts an object that it does not know.
"""

from __future__ import annotations

import math
import sys
from typing import (
    Any,
    Callable,
    Dict,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Protocol,
    Sequence,
    Tuple,
)

_LOWEST, _HIGHEST = -(2**63), 2**63 - 1
"""What an integer attribute can hold."""


class Field(NamedTuple):
    """Says which field an attribute is read from."""

    attribute: str
    path: Tuple[str, ...]
    narrow: Callable[[Any], Any]
    """Returns the attribute's value, or None when it cannot be one."""


class Members(Protocol):
    """What an object holds by name."""

    def get(self, name: str, /) -> Any:
        """Return what has this name, or None."""


def read(source: Any, fields: Sequence[Field]) -> Dict[str, Any]:
    """Return the attributes that `source` has; of several fields for one, the first that it has."""
    attributes: Dict[str, Any] = {}
    top = members(source)
    inner: Dict[str, Members] = {}
    for attribute, path, narrow in fields:
        first = path[0]
        if len(path) == 1:
            value = top.get(first)
        else:
            # many fields are in the same few objects
            below = inner.get(first)
            if below is None:
                below = inner[first] = members(top.get(first))
            value = below.get(path[1]) if len(path) == 2 else field(below.get(path[1]), *path[2:])
        if value is not None and attribute not in attributes:
            value = narrow(value)
            if value is not None:
                attributes[attribute] = value
    return attributes


def field(source: Any, *path: str) -> Any:
    """Return the value at a path of keys or attributes, or None."""
    for name in path:
        source = members(source).get(name)
    return source


def members(source: Any) -> Members:
    """Return what a mapping or an object of an SDK holds; nothing for None."""
    kind = type(source)
    if kind is dict:
        return source  # type: ignore[no-any-return]
    try:
        of = _kinds[kind]
    except KeyError:
        if len(_kinds) >= _KINDS_LIMIT:  # programs may make new classes for ever
            _kinds.clear()
        of = _kinds[kind] = _members_of(kind)
    return of(source)


class _Attributes:
    """Members of an object of a class that nothing is known of."""

    __slots__ = ("_source",)

    def __init__(self, source: Any) -> None:
        self._source = source

    def get(self, name: str, /) -> Any:
        return getattr(self._source, name, None)


_NOTHING: Dict[str, Any] = {}
_KINDS_LIMIT = 1024
_kinds: Dict[type, Callable[[Any], Members]] = {}
"""How the members of a class are found: to ask `isinstance` of each object takes much longer."""


def _members_of(kind: type) -> Callable[[Any], Members]:
    if kind is type(None):
        return lambda _none: _NOTHING
    if issubclass(kind, Mapping):
        return lambda mapping: mapping
    pydantic = sys.modules.get("pydantic")
    if pydantic is not None and issubclass(kind, pydantic.BaseModel):
        return _model_members
    return _Attributes


def _model_members(model: Any) -> Members:
    # past pydantic's __getattr__, which takes microseconds to say that there is no such member
    declared: Dict[str, Any] = vars(model)
    extra = getattr(model, "__pydantic_extra__", None)
    return {**declared, **extra} if extra else declared


def elements(value: Any) -> Tuple[Any, ...]:
    """Return the elements of a list, or none: an iterator is not ours to consume."""
    return tuple(value) if isinstance(value, (list, tuple)) else ()


def given(**fields: Any) -> Dict[str, Any]:
    """Return the fields that are not None."""
    return {name: value for name, value in fields.items() if value is not None}


def text(value: Any) -> Optional[str]:
    """Narrow to a string."""
    return str.__str__(value) if isinstance(value, str) else None


def integer(value: Any) -> Optional[int]:
    """Narrow to an integer of 64 bits."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    whole = int(value)
    return whole if _LOWEST <= whole <= _HIGHEST else None


def positive(value: Any) -> Optional[int]:
    """Narrow to an integer above 0, for counters of which a zero says nothing."""
    count = integer(value)
    return count if count is not None and count > 0 else None


def number(value: Any) -> Optional[float]:
    """Narrow to a finite number."""
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    whole = integer(value)
    return None if whole is None else float(whole)


def texts(value: Any) -> Optional[List[str]]:
    """Narrow to the strings of a list; a lone string counts as a list of one."""
    if isinstance(value, str):
        return [str.__str__(value)]
    return [str.__str__(each) for each in elements(value) if isinstance(each, str)] or None


def among(table: Mapping[str, str]) -> Callable[[Any], Optional[str]]:
    """Narrow to a string for which the table has a value, and return that."""
    return lambda value: table.get(value) if isinstance(value, str) else None


def other_than(usual: str) -> Callable[[Any], Optional[str]]:
    """Narrow to a string that differs from the usual one."""
    return lambda value: None if text(value) == usual else text(value)
