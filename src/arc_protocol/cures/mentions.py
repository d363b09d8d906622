"""Which places of the request that failed an error's words speak of."""

from __future__ import annotations

import re
from typing import Any, Dict, Iterator, List, Optional, Tuple

from arc_protocol.cures.places import Place, Request, place_of, snake
from arc_protocol.patterns.values import LIST, MAPPING

_QUOTED = re.compile(r"""["'`]([\w$][\w$.\[\]/*-]*)["'`]""")
_BARE = re.compile(r"\b[A-Za-z_][\w]*(?:(?:\.?\[\d+\])|\.\w+)*")


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
        "value",
        "id",
        "state",
    ]
)
"""Parameters whose names are also words of a sentence: they count in quotes only."""
