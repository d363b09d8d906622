"""Encodes message content as JSON, whatever an application has put into it."""

from __future__ import annotations

import json
import math
import sys
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from arc_protocol import semconv
from runtime._memo import Memo

LIMIT = 768 * 1024
"""Bytes of content in one span: with everything else at its own limit, it stays below 1 MiB."""

_DEPTH = 64
_INTEGER_BITS = 63
_LONGEST = (None, 4096, 256)
"""Characters that a string may have: content which is too long is tried again with the next."""
_ORDER = (
    semconv.SYSTEM_INSTRUCTIONS,
    semconv.OUTPUT_MESSAGES,
    semconv.TOOL_DEFINITIONS,
    semconv.INPUT_MESSAGES,
)
"""The history of a conversation comes last: it is the longest, and most of it was sent before."""


class TooLargeError(Exception):
    """A value is larger than what may be sent."""


def encode(content: Mapping[str, Any], limit: int = LIMIT) -> Tuple[Dict[str, str], bool]:
    """Return content attributes as JSON, and whether something was cut or left out to fit."""
    encoded: Dict[str, str] = {}
    whole = True
    for name in _ORDER:
        if name not in content:
            continue
        for longest in _LONGEST:
            try:
                text = _to_json(content[name], limit=limit, longest=longest)
            except TooLargeError:
                whole = False
                continue
            encoded[name] = text
            limit -= len(text) if text.isascii() else len(text.encode())
            break
    return encoded, not whole


def _to_json(elements: Sequence[Any], *, limit: int, longest: Optional[int]) -> str:
    if longest is not None:
        return to_json(elements, limit=limit, longest=longest)
    pieces: List[str] = []
    left = limit
    for each in elements:
        piece = _element(each)
        pieces.append(piece)
        left -= len(piece) + 1
        if left < 0:
            raise TooLargeError
    text = f"[{','.join(pieces)}]"
    if not fits(text, limit):
        raise TooLargeError
    return text


_element = Memo(lambda value: dumped(plain(value, limit=LIMIT, depth=1), limit=LIMIT))
"""A message or a tool as JSON, most of which come again with the next call of a conversation."""


def to_json(value: Any, *, limit: int, longest: Optional[int] = None) -> str:
    """Return any value as JSON of at most `limit` bytes, or raise `TooLargeError`."""
    return dumped(plain(value, limit=limit, longest=longest), limit=limit)


def dumped(value: Any, *, limit: int) -> str:
    """Return a value that is JSON, such as `plain` returns, as `to_json` does."""
    text = _dump(value)
    if not fits(text, limit):
        raise TooLargeError
    return text


def fits(text: str, limit: int) -> bool:
    """Tell whether a text has at most `limit` bytes."""
    return len(text) <= limit and (text.isascii() or len(text.encode()) <= limit)


_dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


def plain(value: Any, *, limit: int, longest: Optional[int] = None, depth: int = 0) -> Any:
    """Return a copy that is JSON, or raise `TooLargeError` where that would exceed `limit`.

    SDK objects become objects with their fields, what JSON cannot say becomes the name of its type.
    `depth` is how deep the value is in a larger one.
    """
    return _Copy(limit, longest).of(value, depth)


class _Copy:
    def __init__(self, left: int, longest: Optional[int]) -> None:
        self._left = left
        self._longest = longest

    def of(self, value: Any, depth: int) -> Any:
        kind = type(value)
        # exact types first, and no call for most of the values
        if kind is str and self._longest is None:
            self._left -= len(value) + 2
            if self._left < 0:
                raise TooLargeError
            return value if value.isascii() else clean(value)
        if kind is dict and depth < _DEPTH:
            self._left -= 1
            # copied at once: the application may be changing it on another thread
            return {
                (self._text(key) if type(key) is str else self._key(key)): self.of(each, depth + 1)
                for key, each in tuple(value.items())
            }
        return self._other(value, depth)

    def _other(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self._text(value)
        self._spend(1)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            whole = int(value)
            return whole if whole.bit_length() <= _INTEGER_BITS else "<int>"
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else float.__repr__(value)
        if isinstance(value, (list, tuple)):
            return [self.of(each, depth + 1) for each in tuple(value)] if depth < _DEPTH else "…"
        fields = value if isinstance(value, Mapping) else _sdk_fields(value)
        if fields is None:
            return f"<{type(value).__name__}>"
        if depth >= _DEPTH:
            return "…"
        pairs = tuple(fields.items())
        return {self._key(key): self.of(each, depth + 1) for key, each in pairs}

    def _key(self, key: Any) -> str:
        return self._text(key) if isinstance(key, str) else str(self.of(key, _DEPTH))

    def _text(self, text: str) -> str:
        length = len(text)
        if self._longest is not None and length > self._longest:
            text = f"{text[: self._longest]}… ({length} characters)"
        self._spend(len(text) + 2)
        return text if type(text) is str and text.isascii() else clean(text)

    def _spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise TooLargeError


def _sdk_fields(value: Any) -> Optional[Dict[str, Any]]:
    pydantic = sys.modules.get("pydantic")
    if pydantic is None or not isinstance(value, pydantic.BaseModel):
        return None
    fields = {**vars(value), **(getattr(value, "__pydantic_extra__", None) or {})}
    return {
        name: each for name, each in fields.items() if each is not None and not name.startswith("_")
    }


def clean(text: str) -> str:
    """Return text that UTF-8 can encode: a lone surrogate becomes a replacement character."""
    text = str.__str__(text)
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def shortened(text: str, limit: int) -> str:
    """Return clean text of at most `limit` bytes."""
    if type(text) is str and len(text) <= limit and text.isascii():
        return text
    return clean(text[:limit]).encode()[:limit].decode("utf-8", "ignore")
