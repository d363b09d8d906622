"""Says what a request was, without its words, and what a fix changed in it."""

from __future__ import annotations

import functools
import json
from typing import Any, Dict, List, Mapping, Optional, Sequence

from arc_protocol.recording import is_written, record, record_parameter
from runtime._memo import Memo
from runtime._telemetry.content import TooLargeError, dumped, fits, plain, to_json

_REQUEST_LIMIT = 8 * 1024 * 1024
_PATCH_LIMIT = 32 * 1024
_RECORD_LIMIT = 64 * 1024
_ABSENT = object()
_to_json = json.JSONEncoder(ensure_ascii=False).encode


def recorded(request: Mapping[str, Any]) -> Optional[str]:
    """Return a request as JSON without what people wrote, None if it is too large."""
    lists: Dict[str, Any] = {}
    others: Dict[Any, Any] = {}
    for name, value in tuple(request.items()):
        is_list = type(value) is list and is_written(name)
        (lists if is_list else others)[name] = value
    try:
        text = dumped(record(plain(others, limit=_REQUEST_LIMIT)), limit=_RECORD_LIMIT)
        pieces = [text[1:-1]] if others else []
        left = _RECORD_LIMIT - len(text)
        for name, value in lists.items():
            piece = f'"{name}":{_recorded_list(name, value, left)}'
            pieces.append(piece)
            left -= len(piece)
    except TooLargeError:
        return None
    text = f"{{{','.join(pieces)}}}"
    return text if fits(text, _RECORD_LIMIT) else None


def _recorded_list(name: str, value: List[Any], left: int) -> str:
    pieces: List[str] = []
    for each in tuple(value):
        piece = _recorded_object(each) if type(each) is dict else _recorded_other(name, each)
        pieces.append(piece)
        left -= len(piece)
        if left < 0:
            raise TooLargeError
    return f"[{','.join(pieces)}]"


def _recorded_other(name: str, value: Any) -> str:
    kept = record_parameter(name, plain(value, limit=_REQUEST_LIMIT, depth=_IN_LISTS))
    return dumped(kept, limit=_RECORD_LIMIT)


_IN_LISTS = 2
"""How deep in a request the elements of its lists are."""
_recorded_object = Memo(functools.partial(_recorded_other, "messages"))
"""A message or a tool, most of which come again with the next call of a conversation."""


def changed_fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> List[str]:
    """Return the names of the parameters that differ, sorted."""
    if before is after:
        return []
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
    try:
        old, new = (
            {name: _shown(name, side[name], capture_content) for name in fields if name in side}
            for side in (before, after)
        )
    except TooLargeError:
        return None
    text = _to_json(_operations(old, new, fields))
    return text if len(text.encode()) <= _PATCH_LIMIT else None


def _operations(
    old: Dict[str, Any], new: Dict[str, Any], fields: Sequence[str]
) -> List[Dict[str, Any]]:
    removed = [name for name in fields if name not in new]
    added = [name for name in fields if name not in old]
    changed = [name for name in fields if name in old and name in new]
    # what is at once gone and there may have moved
    if (removed and added) or any(type(new[name]) in (dict, list) for name in changed):
        # 10 ms and half a megabyte, which nearly no application ever spends
        import jsonpatch

        made: List[Dict[str, Any]] = jsonpatch.make_patch(old, new).patch
        return made
    return [
        *({"op": "remove", "path": _pointer(name)} for name in removed),
        *({"op": "add", "path": _pointer(name), "value": new[name]} for name in added),
        *({"op": "replace", "path": _pointer(name), "value": new[name]} for name in changed),
    ]


def _pointer(name: str) -> str:
    """Return a JSON Pointer (RFC 6901) to a parameter."""
    return "/" + name.replace("~", "~0").replace("/", "~1")


def _differ(one: Any, other: Any) -> bool:
    if one is other:
        return False
    if one is _ABSENT or other is _ABSENT:
        return True
    if type(one) is type(other) and type(one) in (int, bool):
        return bool(one != other)
    if type(one) is type(other) is float:
        return repr(one) != repr(other)
    try:
        return to_json(one, limit=_REQUEST_LIMIT) != to_json(other, limit=_REQUEST_LIMIT)
    except TooLargeError:
        return True


def _shown(name: str, value: Any, capture_content: bool) -> Any:
    value = plain(value, limit=_REQUEST_LIMIT)
    return value if capture_content else record({name: value})[name]
