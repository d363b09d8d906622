"""Requests as telemetry records them: everything but what people wrote.

Patterns are learned from recorded requests and tried on them, so conditions must find there what
they would have found in the request itself, except for the words. A text that stays at home leaves
its length and a hash behind: what is equal stays equal.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, Dict

_WRITTEN = frozenset(
    [
        "contents",
        "functions",
        "input",
        "instructions",
        "messages",
        "metadata",
        "prediction",
        "prompt",
        "safety_identifier",
        "stop",
        "suffix",
        "system",
        "tools",
        "user",
    ]
)
"""Parameters that hold what people wrote or who they are."""

_CODE = frozenset(
    [
        "call_id",
        "format",
        "id",
        "media_type",
        "mime_type",
        "name",
        "role",
        "status",
        "tool_call_id",
        "tool_use_id",
        "type",
    ]
)
"""Keys inside those whose values are words of the API or of the program."""

_CODE_LENGTH = 256
_SETTING_LENGTH = 64
"""Longest string in any other parameter that passes for a setting."""
_STANDS_FOR_TEXT = re.compile(r"sha256:([0-9a-f]{16}) \((\d+) characters\)")
_ARGUMENTS = frozenset(["arguments"])


class Elided(str):
    """A text that stayed at home: its length is that of the text, its value stands for it."""

    __slots__ = ("_length",)
    _length: int

    def __new__(cls, digest: str, length: int) -> Elided:
        """Make one from a hash and the number of characters."""
        made = super().__new__(cls, digest)
        made._length = length
        return made

    def __len__(self) -> int:
        return self._length


def record(request: Dict[str, Any]) -> Dict[str, Any]:
    """Return a request, which must be plain JSON, without the texts in it."""
    return {name: record_parameter(name, value) for name, value in request.items()}


def record_parameter(name: str, value: Any) -> Any:
    """Return one parameter of a request as `record` does."""
    return _masked(value, name, 0 if name in _WRITTEN else _SETTING_LENGTH)


def is_written(name: str) -> bool:
    """Tell whether a parameter holds what people wrote: each object in it is recorded alike."""
    return name in _WRITTEN


def restore(recorded: Any) -> Any:
    """Return what `record` left of a request in a form that patterns can be asked about."""
    if isinstance(recorded, dict):
        return {name: restore(value) for name, value in recorded.items()}
    if isinstance(recorded, list):
        return [restore(value) for value in recorded]
    elided = _STANDS_FOR_TEXT.fullmatch(recorded) if isinstance(recorded, str) else None
    return recorded if elided is None else Elided(elided[1], int(elided[2]))


def _masked(value: Any, key: str, free: int) -> Any:
    if isinstance(value, dict):
        masked = {name: _masked(each, name, free) for name, each in value.items()}
        properties, required = value.get("properties"), value.get("required")
        if isinstance(properties, dict) and isinstance(required, list):
            # the names stay as keys, and what is required must be found among them
            masked["required"] = [
                one if isinstance(one, str) and one in properties else _masked(one, "", free)
                for one in required
            ]
        return masked
    if isinstance(value, list):
        return [_masked(each, key, free) for each in value]
    if not isinstance(value, str) or value.isspace() or not value:
        return value
    if len(value) <= (_CODE_LENGTH if key in _CODE else free):
        return value
    if key in _ARGUMENTS:
        return _masked_arguments(value)
    return _elided(value)


def _masked_arguments(text: str) -> Any:
    """Keep the form of a tool call's arguments, which are JSON in a string."""
    try:
        return json.dumps(_blank(json.loads(text)))
    except (ValueError, RecursionError):
        return _elided(text)


def _elided(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]
    return f"sha256:{digest} ({len(text)} characters)"


def _blank(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _blank(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_blank(each) for each in value]
    return "" if isinstance(value, str) else value
