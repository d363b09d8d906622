"""From the names in an error's words to places in the request that failed."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from arc_protocol.patterns.paths import Path, parse_path
from arc_protocol.patterns.values import LIST, MAPPING

Request = Any

FOLDERS = (
    "config",
    "generation_config",
    "generationConfig",
    "inferenceConfig",
    "additionalModelRequestFields",
    "options",
    "parameters",
)
"""Objects that hold parameters in some APIs; errors often leave them out."""

_STEPS = re.compile(r"[^.\[\]/'\"`()\s,]+")
_QUOTED = re.compile(r"""["'`]([\w$][\w$.\[\]/*-]*)["'`]""")
_BARE = re.compile(r"\b[A-Za-z_][\w]*(?:(?:\.?\[\d+\])|\.\w+)*")
_INDEX = re.compile(r"\d+")
_KEY = re.compile(r"[^.\[\]\"*]+")


class Place(NamedTuple):
    """A parameter of the request that an error names."""

    steps: Tuple[str, ...]
    """Keys, and `[*]` for every element of a list."""
    value: Any
    """What the request has there; of several, what the error's index names or the first."""

    @property
    def path(self) -> str:
        """The place as a path of the pattern language."""
        return path_of(self.steps)

    @property
    def name(self) -> str:
        """The last key."""
        return next((step for step in reversed(self.steps) if step != "[*]"), "")

    @property
    def root(self) -> str:
        """The parameter as a whole, without the object that holds parameters."""
        return self.steps[1] if self.steps[0] in FOLDERS and self.steps[1:] else self.steps[0]

    def sibling(self, name: str) -> str:
        """Return the path of another key in the same object."""
        return path_of((*self.steps[:-1], name))


def path_of(steps: Tuple[str, ...]) -> str:
    """Write steps as a path."""
    text = ""
    for step in steps:
        if step == "[*]":
            text += step
        elif _KEY.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f"[{json.dumps(step)}]"
    return text


@lru_cache(maxsize=2048)
def snake(name: str) -> str:
    """Write a name as `snake_case`, whichever way the provider writes it."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).replace("-", "_").lower()


def hits(path: str, request: Request) -> List[Any]:
    """Return what a path of the pattern language leads to."""
    return list(_parsed(path).hits(request))


@lru_cache(maxsize=256)
def _parsed(path: str) -> Path:
    return parse_path(path, "path")


def place_of(name: str, request: Request) -> Optional[Place]:
    """Find what an error calls `name` in the request; None when the request has no such thing.

    Steps that the request does not have are passed over: errors also name the variants of their
    own schema, such as `tools.0.custom.name`.
    """
    steps = _STEPS.findall(name)
    if not steps or not isinstance(request, MAPPING):
        return None
    for base in ((), *((folder,) for folder in FOLDERS if folder in request)):
        start = request[base[0]] if base else request
        found = _walk(steps, start, base)
        if found is not None:
            return found
    return None


def _walk(steps: List[str], value: Any, at: Tuple[str, ...]) -> Optional[Place]:
    taken, passed = at, ""
    for step in steps:
        if isinstance(value, LIST):
            if _INDEX.fullmatch(step):
                # the message may count otherwise than the request: any element will do then
                value = value[int(step)] if int(step) < len(value) else next(iter(value), None)
                taken = (*taken, "[*]")
                continue
            holder = next((one for one in value if _key(one, step)), None)
            if holder is not None:
                value, taken = holder, (*taken, "[*]")
        key = _key(value, step)
        if key is None:
            if taken == at:
                return None  # the first step must be there
            passed = step
            continue
        value, taken, passed = value[key], (*taken, key), ""
    # what was passed over at the end may be the value itself, as in `thinking.type.enabled`
    if passed and not (isinstance(value, str) and value == passed):
        return None
    return Place(taken, value) if taken != at else None


def _key(value: Any, name: str) -> Optional[str]:
    if not isinstance(value, MAPPING):
        return None
    if name in value:
        return name
    wanted = snake(name)
    return next((key for key in value if isinstance(key, str) and snake(key) == wanted), None)


def mentioned(text: str, request: Request) -> List[Place]:
    """Return the places of the request that a text names, in the order in which it names them.

    Parameters whose names are also plain words count in quotes, and where the sentence shows that
    they are meant; these come last. Those of several words count also when the text writes them
    apart, as in "response mime type". Where nothing is named, a part of a name counts, and after
    that a value in quotes.
    """
    if not isinstance(request, MAPPING):
        return []
    inner = list(_members(request))
    found = _ordered(_names(text, request, inner))
    known = {place.path for place in found}
    found += [one for one in _ordered(_meant(text, request)) if one.path not in known]
    return found or _ordered(_parts(text, inner)) or _ordered(_quoted_values(text, inner))


def _ordered(places: Iterator[Tuple[int, Optional[Place]]]) -> List[Place]:
    found: Dict[str, Tuple[int, Place]] = {}
    for at, place in places:
        if place is not None and at < found.get(place.path, (at + 1,))[0]:
            found[place.path] = (at, place)
    return [place for _, place in sorted(found.values(), key=lambda one: one[0])]


def _names(
    text: str, request: Request, inner: List[Place]
) -> Iterator[Tuple[int, Optional[Place]]]:
    for match in _QUOTED.finditer(text):
        name = match[1].rstrip(".")
        yield match.start(), place_of(name, request) or _only(name, inner)
    for match in _BARE.finditer(text):
        if match[0].lower() not in _PLAIN_WORDS:
            yield match.start(), place_of(match[0], request) or _only(match[0], inner)
    for place in inner:
        words = snake(place.name).split("_")
        if len(words) > 1:
            spoken = re.search(r"\b" + "[ -]".join(map(re.escape, words)) + r"\b", text, re.I)
            if spoken:
                yield spoken.start(), place


def _meant(text: str, request: Request) -> Iterator[Tuple[int, Optional[Place]]]:
    """Find parameters that a sentence calls by a word, or by what they bring about."""
    for pattern in _MEANT:
        for match in pattern.finditer(text):
            word = match[1]
            stems = (word, re.sub(r"(?<=\w{4})ing$", "", word))
            places = (place_of(one, request) for one in stems)
            yield match.start(1), next((place for place in places if place), None)
    for spoken, names in _SPOKEN:
        said = spoken.search(text)
        for name in names if said else ():
            yield (said.start() if said else 0), place_of(name, request)


def _parts(text: str, inner: List[Place]) -> Iterator[Tuple[int, Optional[Place]]]:
    for place in inner:
        for part in snake(place.name).split("_"):
            if len(part) > 4 and part not in _COMMON_PARTS:
                found = re.search(rf"\b{re.escape(part)}\b", text, re.I)
                if found:
                    yield found.start(), place


def _quoted_values(text: str, inner: List[Place]) -> Iterator[Tuple[int, Optional[Place]]]:
    for match in _QUOTED.finditer(text):
        same = [
            one
            for one in inner
            if isinstance(one.value, str) and one.value == match[1] and one.name not in _WHICH
        ]
        yield match.start(), same[0] if len(same) == 1 else None


def _only(name: str, inner: List[Place]) -> Optional[Place]:
    """Return the one place of that name within the parameters; None for a word like others."""
    if "_" not in name and not re.search(r"[a-z][A-Z]", name) and name not in _INNER_WORDS:
        return None
    wanted = snake(name)
    same = {one.path: one for one in inner if snake(one.name) == wanted}
    return next(iter(same.values())) if len(same) == 1 else None


def _members(value: Any, at: Tuple[str, ...] = ()) -> Iterator[Place]:
    """Yield what is in a request, but for conversations and schemas."""
    if len(at) > _DEEPEST:
        return
    if isinstance(value, LIST):
        for element in value[:_ELEMENTS]:
            if isinstance(element, MAPPING):
                yield from _members(element, (*at, "[*]"))
    elif isinstance(value, MAPPING):
        for key, inner in value.items():
            if isinstance(key, str):
                place = Place((*at, key), inner)
                yield place
                if key not in _CONVERSATIONS and key not in _SCHEMAS:
                    yield from _members(inner, place.steps)


_DEEPEST = 7
_ELEMENTS = 64
_CONVERSATIONS = frozenset(["messages", "contents", "input", "prompt", "system", "metadata"])
_SCHEMAS = frozenset(
    ["parameters", "input_schema", "schema", "response_schema", "responseSchema", "json"]
)
_WHICH = frozenset(["model", "modelId", "name"])
_INNER_WORDS = frozenset(["strict"])
"""Names within parameters that no sentence uses as words."""
_MEANT = tuple(
    re.compile(pattern, re.IGNORECASE | re.MULTILINE)
    for pattern in (
        r"^[\"'`]?(\w+)[\"'`]?: ",
        r": (\w+)\.?$",
        r"\b(?:parameter|argument|field|property|option|key):? [\"'`]?(\w+)",
        r"[\"'`]?\b(\w+)[\"'`]? (?:parameter|argument|field|property|option|key)\b",
        r"(?:does not|doesn't|do not|don't) (?:support|accept|allow) (?:the )?(\w+)",
        r"^(?:the )?(\w+) (?:is|are|must|may|can|cannot|should)\b",
        r" - [\"'`](\w+)[\"'`]$",
    )
)
"""Where a sentence names a parameter, also by a word that it could use otherwise."""
_SPOKEN = tuple(
    (re.compile(words, re.IGNORECASE), names)
    for words, names in (
        (
            r"json[ _-]mode|structured outputs?|json schema mode",
            ("response_format", "response_mime_type", "text.format", "output_config.format"),
        ),
        (r"streaming|stream mode", ("stream",)),
        (r"thinking|reasoning", ("thinking", "think", "reasoning", "reasoning_effort")),
        (r"log ?prob(?:abilitie)?s", ("logprobs", "top_logprobs")),
        (r"stop (?:words?|strings?|tokens?)", ("stop", "stop_sequences")),
    )
)
"""What parameters bring about, in the words of people."""
_COMMON_PARTS = frozenset(
    [
        "cache",
        "calls",
        "config",
        "content",
        "count",
        "format",
        "level",
        "limit",
        "message",
        "messages",
        "model",
        "models",
        "options",
        "output",
        "parameters",
        "prompt",
        "request",
        "response",
        "stream",
        "token",
        "tokens",
        "tools",
        "usage",
    ]
)
"""Parts of names that are words of any sentence."""


_PLAIN_WORDS = frozenset(
    [
        "model",
        "messages",
        "message",
        "tools",
        "tool",
        "input",
        "user",
        "system",
        "prompt",
        "stream",
        "content",
        "contents",
        "parameters",
        "text",
        "name",
        "type",
        "role",
        "config",
        "options",
        "functions",
        "function",
        "format",
        "store",
        "include",
        "metadata",
        "stop",
        "reasoning",
        "thinking",
        "instructions",
        "query",
        "documents",
        "format",
        "value",
        "id",
        "state",
    ]
)
"""Parameters whose names are also words of a sentence: they count in quotes only."""
