"""Says what a fix changed in a request."""

from __future__ import annotations

import hashlib
import json
from typing import Any, List, Mapping, Optional, Sequence

from runtime._telemetry.content import TooLargeError, plain, to_json

_REQUEST_LIMIT = 8 * 1024 * 1024
_PATCH_LIMIT = 32 * 1024
_ABSENT = object()

_CONTENT_FIELDS = frozenset(
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
_STRUCTURE = frozenset(["role", "type"])
"""Keys inside those whose values are words of the API."""
_SETTING_LENGTH = 64
"""Longest string in any other parameter that passes for a setting."""


def changed_fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> List[str]:
    """Return the names of the parameters that differ, sorted."""
    names = {*before, *after}
    return sorted(
        name
        for name in names
        if isinstance(name, str) and _differ(before.get(name, _ABSENT), after.get(name, _ABSENT))
    )


def patch(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    fields: Sequence[str],
    *,
    capture_content: bool,
) -> Optional[str]:
    """Return the change of these parameters as a JSON Patch (RFC 6902), None if it is too large.

    Without `capture_content` each text in it is replaced by its hash and length.
    """
    import jsonpatch  # 10 ms, which an application whose calls need no fix never spends

    try:
        old, new = (
            {name: _shown(name, side[name], capture_content) for name in fields if name in side}
            for side in (before, after)
        )
    except TooLargeError:
        return None
    text = json.dumps(jsonpatch.make_patch(old, new).patch, ensure_ascii=False)
    return text if len(text.encode()) <= _PATCH_LIMIT else None


def _differ(one: Any, other: Any) -> bool:
    if one is other:
        return False
    if one is _ABSENT or other is _ABSENT:
        return True
    try:
        return to_json(one, limit=_REQUEST_LIMIT) != to_json(other, limit=_REQUEST_LIMIT)
    except TooLargeError:
        return True


def _shown(name: str, value: Any, capture_content: bool) -> Any:
    value = plain(value, limit=_REQUEST_LIMIT)
    if capture_content:
        return value
    return _masked(value, name, 0 if name in _CONTENT_FIELDS else _SETTING_LENGTH)


def _masked(value: Any, key: str, free: int) -> Any:
    if isinstance(value, dict):
        return {name: _masked(each, name, free) for name, each in value.items()}
    if isinstance(value, list):
        return [_masked(each, key, free) for each in value]
    if isinstance(value, str) and len(value) > free and key not in _STRUCTURE:
        digest = hashlib.sha256(value.encode()).hexdigest()[:16]
        return f"sha256:{digest} ({len(value)} characters)"
    return value
