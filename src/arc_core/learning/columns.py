"""Requests side by side: for each path, what stands there and in which calls."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from arc_core.learning.examples import Request, Rows
from arc_protocol.patterns.values import type_name
from arc_protocol.recording import Elided

SCHEMAS = frozenset(
    [
        "input_schema",
        "json",
        "parameters",
        "parametersJsonSchema",
        "parameters_json_schema",
        "responseJsonSchema",
        "responseSchema",
        "response_json_schema",
        "response_schema",
        "schema",
    ]
)
"""Keys that hold a JSON Schema. What is in one is asked by structural tests, not path by path."""

_PLAIN_KEY = re.compile(r'[^.\[\]"*]+')
_DEEPEST = 8
_LONGEST_VALUE = 80
_ELEMENTS = 2_000
"""Elements of one list that are looked at."""

Range = tuple[float, float]
"""The least and the greatest of the numbers at a path of one call."""


class Column:
    """What stands at one path, and in which calls."""

    __slots__ = ("counts", "lacking", "lengths", "numbers", "path", "present", "types", "values")

    def __init__(self, path: str) -> None:
        self.path = path
        self.present: Rows = 0
        self.lacking: Rows = 0
        """Calls in which some element of the list lacks this key; only below `[*]`."""
        self.types: dict[str, Rows] = {}
        self.values: dict[tuple[str, Any], Rows] = {}
        """Short values by type and value."""
        self.numbers: dict[int, Range] = {}
        self.lengths: dict[int, Range] = {}
        self.counts: dict[int, Range] = {}

    @property
    def plain(self) -> bool:
        """Whether the path leads to one value at most."""
        return "[*]" not in self.path


class Columns:
    """The columns of some requests."""

    def __init__(self, requests: Sequence[Request]) -> None:
        self.by_path: dict[str, Column] = {}
        self.schemas: set[str] = set()
        """Paths to JSON Schemas."""
        self.conversations: dict[str, set[str]] = {}
        """Plain paths to lists of messages, with the keys that messages there have."""
        self.lists: set[str] = set()
        """Plain paths to lists."""
        self._joined: dict[tuple[str, str], str] = {}
        self._bit = 0
        self._row = 0
        for row, request in enumerate(requests):
            self._row, self._bit = row, 1 << row
            if isinstance(request, Mapping):
                self._members(request, "", 0)

    def _column(self, path: str) -> Column:
        column = self.by_path.get(path)
        if column is None:
            column = self.by_path[path] = Column(path)
        return column

    def _join(self, path: str, key: str) -> str:
        try:
            return self._joined[path, key]
        except KeyError:
            pass
        if _PLAIN_KEY.fullmatch(key):
            joined = f"{path}.{key}" if path else key
        else:
            joined = f"{path}[{json.dumps(key)}]"
        self._joined[path, key] = joined
        return joined

    def _members(self, value: Mapping[str, Any], path: str, depth: int) -> None:
        for key, inner in value.items():
            if isinstance(key, str):
                at = self._join(path, key)
                self._visit(inner, at, key, depth + 1)

    def _visit(self, value: Any, path: str, key: str, depth: int) -> None:
        column = self._column(path)
        bit = self._bit
        column.present |= bit
        kind = type_name(value)
        column.types[kind] = column.types.get(kind, 0) | bit
        if kind == "object":
            if key in SCHEMAS and ("type" in value or "properties" in value or "$ref" in value):
                self.schemas.add(path)
            elif depth < _DEEPEST:
                self._members(value, path, depth)
        elif kind == "array":
            self._list(value, column, path, depth)
        elif kind == "number":
            _widen(column.numbers, self._row, value)
            _note(column, (kind, value), bit)
        elif kind == "string":
            _widen(column.lengths, self._row, len(value))
            if type(value) is not Elided and len(value) <= _LONGEST_VALUE:
                _note(column, (kind, str(value)), bit)
        else:
            _note(column, (kind, value if value is None or isinstance(value, bool) else None), bit)

    def _list(self, value: Sequence[Any], column: Column, path: str, depth: int) -> None:
        _widen(column.counts, self._row, len(value))
        plain = "[" not in path
        if plain:
            self.lists.add(path)
        if depth >= _DEEPEST or not value:
            return
        each = f"{path}[*]"
        keys: set[str] = set()
        kept: list[Mapping[str, Any]] = []
        for element in value[:_ELEMENTS]:
            if isinstance(element, Mapping):
                keys.update(element)
                kept.append(element)
                self._members(element, each, depth + 1)
            else:
                self._visit(element, each, "", depth + 1)
        for key in keys:
            if not all(key in element for element in kept):
                self._column(self._join(each, key)).lacking |= self._bit
        if plain and "role" in keys:
            self.conversations.setdefault(path, set()).update(keys)
            for at in (0, -1):
                if isinstance(value[at], Mapping):
                    self._end(value[at], f"{path}[{at}]")

    def _end(self, message: Mapping[str, Any], path: str) -> None:
        """Note what kind of message the first or last one is, but not its words."""
        for key, inner in message.items():
            if isinstance(key, str) and not isinstance(inner, (Mapping, list, tuple, Elided)):
                self._visit(inner, self._join(path, key), key, _DEEPEST)


def _note(column: Column, key: tuple[str, Any], bit: Rows) -> None:
    column.values[key] = column.values.get(key, 0) | bit


def _widen(ranges: dict[int, Range], row: int, number: float) -> None:
    old = ranges.get(row)
    if old is None:
        ranges[row] = (number, number)
    elif number < old[0]:
        ranges[row] = (number, old[1])
    elif number > old[1]:
        ranges[row] = (old[0], number)
