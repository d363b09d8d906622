"""Paths into JSON values: `messages[*].role`, `input[-1]`, `**.minItems`, `.`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from arc_simulator.errors import RuleError

EVERY = object()
"""The step `[*]`."""
ANY_DEPTH = object()
"""The step `**`."""

_STEP = re.compile(r"\*\*|\[(?:\*|-?\d+)\]|[^.\[\]()]+")


class Hit(NamedTuple):
    """One value that a path leads to."""

    value: Any
    trail: tuple[int, ...]
    """The elements that `[*]` stood for on the way."""


class Path:
    """A parsed path."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.steps = tuple(_step(token) for token in _STEP.findall(text))
        if text != "." and ("".join(_STEP.findall(text)) != text.replace(".", "") or not text):
            raise RuleError(f"path: {text!r} is not a path such as 'messages[*].role'")

    @property
    def is_multiple(self) -> bool:
        """Whether the path can lead to more than one value."""
        return EVERY in self.steps or ANY_DEPTH in self.steps

    def hits(self, value: Any) -> list[Hit]:
        """Return everything the path leads to, starting at `value`."""
        return list(_follow(self.steps, value, ()))

    def is_lacking(self, value: Any) -> bool:
        """Whether the last key is missing, for `[*]` in at least one of the elements."""
        if not self.is_multiple:
            return not self.hits(value)
        key = self.steps[-1]
        parents = _follow(self.steps[:-1], value, ())
        return any(isinstance(hit.value, dict) and key not in hit.value for hit in parents)


def _step(token: str) -> Any:
    if token == "**":
        return ANY_DEPTH
    if token == "[*]":
        return EVERY
    return int(token[1:-1]) if token.startswith("[") else token


def _follow(steps: tuple[Any, ...], value: Any, trail: tuple[int, ...]) -> Iterator[Hit]:
    if not steps:
        yield Hit(value, trail)
        return
    step, rest = steps[0], steps[1:]
    if step is ANY_DEPTH:
        for descendant in _descend(value):
            yield from _follow(rest, descendant, trail)
    elif isinstance(value, list):
        if step is EVERY:
            for number, element in enumerate(value):
                yield from _follow(rest, element, (*trail, number))
        elif isinstance(step, int) and -len(value) <= step < len(value):
            yield from _follow(rest, value[step], trail)
    elif isinstance(value, dict) and step in value:
        yield from _follow(rest, value[step], trail)


def _descend(value: Any) -> Iterator[Any]:
    pending = [value]
    while pending:
        item = pending.pop()
        yield item
        if isinstance(item, dict):
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)
