"""What an error says: its fields, and its words without the envelopes around them."""

from __future__ import annotations

import ast
import json
import re
from typing import Any, List, NamedTuple, Optional, Tuple

_LONGEST = 64 * 1024
"""Characters of an envelope that are read."""
_LONGEST_TEXT = 2000
"""Characters of the words themselves that are read."""
_DEPTH = 6
_STRAIGHT = str.maketrans("\u2018\u2019\u201c\u201d", "''\"\"")
_ENVELOPE = re.compile(r"\A(?:Error code: (\d{3}) - |[\w.]*Error: )")
_MESSAGE_IN_BROKEN = re.compile(r"""["'](?:message|msg|detail)["']: ?(["'])(.+?)(?:\1[,}]|\Z)""")
_TEXTS = ("message", "msg", "Message", "detail", "error_msg", "description", "title")
_INNER = ("error", "Error", "errors", "detail", "details", "body", "fieldViolations")


class ErrorFacts(NamedTuple):
    """What a provider's error says, each as far as it is known."""

    status: Optional[int] = None
    """HTTP status code."""
    code: Optional[str] = None
    param: Optional[str] = None
    """The parameter that the error blames."""
    type: Optional[str] = None
    message: str = ""
    """Its words; also the text of an SDK's exception, or a body as JSON: envelopes are opened."""


def opened(error: ErrorFacts) -> ErrorFacts:
    """Return the error with its envelopes opened: the message alone, and the fields around it."""
    message = error.message[:_LONGEST]
    found = _Found()
    _open(message, found, 0)
    code, param, kind = found.code, found.param, found.kind
    return ErrorFacts(
        error.status if error.status is not None else found.status,
        error.code or code,
        error.param or param,
        error.type or kind,
        "\n".join(dict.fromkeys(found.texts))[:_LONGEST_TEXT].translate(_STRAIGHT),
    )


class _Found:
    def __init__(self) -> None:
        self.texts: List[str] = []
        self.status: Optional[int] = None
        self.code: Optional[str] = None
        self.param: Optional[str] = None
        self.kind: Optional[str] = None


def _open(text: str, found: _Found, depth: int) -> None:
    envelope = _ENVELOPE.match(text)
    if envelope:
        found.status = int(envelope[1]) if envelope[1] else found.status
        text = text[envelope.end() :]
    body = _parsed(text)
    if body is not None and depth < _DEPTH:
        _walk(body, found, depth + 1)
        return
    cut = _MESSAGE_IN_BROKEN.search(text) if text[:1] in ("{", "[") else None
    found.texts.append(cut[2] if cut else text)


def _walk(body: Any, found: _Found, depth: int) -> None:
    if depth > _DEPTH:
        return
    if isinstance(body, str):
        _open(body, found, depth)
    elif isinstance(body, list):
        for one in body[:20]:
            _walk(one, found, depth + 1)
    elif isinstance(body, dict):
        _read_fields(body, found)
        for key in dict.fromkeys((*_TEXTS, *_INNER)):
            if body.get(key):
                _walk(body[key], found, depth + 1)


def _read_fields(body: Any, found: _Found) -> None:
    place = _place(body.get("loc")) or body.get("param") or body.get("field")
    found.param = found.param or _text(place)
    found.code = found.code or _text(body.get("code")) or _text(body.get("Code"))
    found.kind = found.kind or _text(body.get("type"))


def _place(loc: object) -> Optional[str]:
    """Write a pydantic location as a path; what part of the HTTP request it is does not matter."""
    if not isinstance(loc, (list, tuple)):
        return None
    steps = [str(step) for step in loc]
    return ".".join(steps[1:] if steps[:1] == ["body"] else steps) or None


def _text(value: object) -> Optional[str]:
    return value if isinstance(value, str) and value else None


def _parsed(text: str) -> Optional[Any]:
    """Read a text as JSON, or as Python writes what it has read from JSON; None for prose."""
    text = text.strip()
    if text[:1] not in ("{", "["):
        return None
    readers: Tuple[Any, ...] = (json.loads, ast.literal_eval)
    for read in readers:
        try:
            value = read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(value, (dict, list)):
            return value
    return None
