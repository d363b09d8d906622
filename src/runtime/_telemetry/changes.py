"""Says what a request was, without its words, and what a fix changed in it."""

from __future__ import annotations

import json
from typing import Any, List, Mapping, Optional, Sequence

from arc_protocol.recording import record
from runtime._telemetry.content import TooLargeError, plain, to_json

_REQUEST_LIMIT = 8 * 1024 * 1024
_PATCH_LIMIT = 32 * 1024
_RECORD_LIMIT = 64 * 1024
_ABSENT = object()


def recorded(request: Mapping[str, Any]) -> Optional[str]:
    """Return a request as JSON without what people wrote, None if it is too large."""
    try:
        return to_json(record(plain(request, limit=_REQUEST_LIMIT)), limit=_RECORD_LIMIT)
    except TooLargeError:
        return None


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
    return value if capture_content else record({name: value})[name]
