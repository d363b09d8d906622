"""Paths into a request: `a.b`, `[0]`, `[-1]`, `[*]`, `**` and `["quoted key"]`.

A path is parsed once. A plain path (keys and indices only) leads to one value or to `MISSING`; one
with a wildcard leads to a list of hits. Paths never look into anything but mappings and lists.
"""

from __future__ import annotations

import json
import re
from typing import Iterator, List, Optional, Tuple, Union

from arc_protocol.errors import PatternError
from arc_protocol.patterns.limits import show
from arc_protocol.patterns.values import LIST, MAPPING, MISSING

MAX_LENGTH = 500
MAX_BODY_DEPTH = 200
"""Deeper requests cannot be evaluated; a request that contains itself ends here too."""

Location = Tuple[Union[str, int], ...]
"""Where one value is: keys and indices from the top of the request."""


class Wildcard:
    """A step that leads to several places."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


EACH = Wildcard("[*]")
DEEP = Wildcard("**")

Segment = Union[str, int, Wildcard]

_STEP = re.compile(
    r"""\[ (?: (?P<index>-?\d{1,9}) | (?P<each>\*) | (?P<quoted>"(?:[^"\\]|\\.)*") ) \]
      | (?P<deep>\*\*)
      | (?P<key>[^.\[\]"*]+)""",
    re.VERBOSE,
)


class Path:
    """A parsed path.

    Attributes:
        text: the path as written.
        segments: its steps; none for `.`, the value itself.
        plain: whether it leads to at most one value.
        location: the only place that it can lead to, when it is nothing but keys.
    """

    __slots__ = ("location", "plain", "segments", "text")

    def __init__(self, text: str, segments: Tuple[Segment, ...]) -> None:
        self.text = text
        self.segments = segments
        keys = tuple(segment for segment in segments if isinstance(segment, str))
        self.location: Optional[Location] = keys if len(keys) == len(segments) else None
        self.plain = not any(isinstance(segment, Wildcard) for segment in segments)

    def get(self, scope: object) -> object:
        """Return the value at a plain path, or `MISSING`."""
        for segment in self.segments:
            scope = child(scope, segment)
            if scope is MISSING:
                return MISSING
        return scope

    def hits(self, scope: object) -> List[object]:
        """Return every value that the path leads to."""
        return [value for _, value in self.find(scope)]

    def find(self, scope: object) -> List[Tuple[Location, object]]:
        """Return every value that the path leads to, with its place."""
        found: List[Tuple[Location, object]] = [((), scope)]
        for segment in self.segments:
            found = [
                (at + step, value) for at, inner in found for step, value in _follow(inner, segment)
            ]
        return found


def parse_path(text: object, where: str) -> Path:
    """Parse the text of a path; `where` names the field for the message if it is refused."""
    if not isinstance(text, str):
        raise PatternError(f"{where} is {show(text)}; it must be a path like a.b.")
    if text == ".":
        return Path(text, ())
    if not text or len(text) > MAX_LENGTH:
        raise PatternError(
            f"{where} has a path of {len(text)} characters; 1 to {MAX_LENGTH} are allowed."
        )
    segments: List[Segment] = []
    position = 0
    while position < len(text):
        if segments and text[position] == ".":
            position += 1
        elif segments and text[position] != "[":
            break
        step = _STEP.match(text, position)
        if step is None:
            break
        try:
            segments.append(_segment(step))
        except ValueError:
            break
        position = step.end()
    if position < len(text) or text.endswith(".") or segments.count(DEEP) > 1:
        raise PatternError(
            f"{where} has the path {show(text)}, which is not understood at character "
            f'{position + 1}; write it like a.b, a[0], a[-1], a[*].b, ["a key"] or (once) **.a.'
        )
    return Path(text, tuple(segments))


def show_location(location: Location) -> str:
    """Write a place as a path."""
    text = ""
    for step in location:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _STEP.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f"[{json.dumps(step)}]"
    return text or "."


def child(scope: object, segment: Segment) -> object:
    """Return what one key or index leads to, or `MISSING`."""
    if isinstance(segment, str):
        return scope.get(segment, MISSING) if isinstance(scope, MAPPING) else MISSING
    if isinstance(segment, int) and isinstance(scope, LIST):
        return scope[segment] if -len(scope) <= segment < len(scope) else MISSING
    return MISSING


def walk(value: object, at: Location = ()) -> Iterator[Tuple[Location, object]]:
    """Yield a value and all within it, at any depth, in document order."""
    if len(at) > MAX_BODY_DEPTH:
        raise ValueError(f"the request is nested deeper than {MAX_BODY_DEPTH} levels")
    yield at, value
    for step, inner in children(value):
        yield from walk(inner, (*at, step))


def children(value: object) -> Iterator[Tuple[Union[str, int], object]]:
    """Yield the members of an object or the elements of a list, with their keys."""
    if isinstance(value, MAPPING):
        yield from value.items()
    elif isinstance(value, LIST):
        yield from enumerate(value)


def _follow(scope: object, segment: Segment) -> Iterator[Tuple[Location, object]]:
    if segment is DEEP:
        yield from walk(scope)
    elif segment is EACH:
        for step, value in children(scope):
            yield (step,), value
    else:
        value = child(scope, segment)
        if value is not MISSING:
            if isinstance(segment, int) and segment < 0:
                segment += len(scope)  # type: ignore[arg-type]  # only lists have elements
            yield (segment,), value  # type: ignore[misc]  # wildcards are handled above


def _segment(step: re.Match[str]) -> Segment:
    kind = step.lastgroup
    text = step[kind or 0]
    if kind == "index":
        return int(text)
    if kind == "quoted":
        return str(json.loads(text))
    return {"each": EACH, "deep": DEEP}.get(kind or "", text)
