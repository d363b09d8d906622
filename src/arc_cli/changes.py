"""What a fix changed in a request, before and after."""

from __future__ import annotations

import json
from typing import Any, Dict, Iterator, List, Optional

_UNKNOWN = object()


def lines(patch: Optional[List[Dict[str, Any]]], request: Any) -> Iterator[str]:
    """Yield a line for each step of a JSON Patch (RFC 6902) to a request, as far as that is known.

    The request may have been recorded without people's words, or not at all.
    """
    now = request if isinstance(request, dict) else _UNKNOWN
    for step in patch if isinstance(patch, list) else ():
        if not isinstance(step, dict) or "path" not in step:
            continue
        before, place = _at(now, step["path"]), _shown_path(step["path"])
        if step["op"] in ("move", "copy"):
            source = step["from"]
            told = "is now" if step["op"] == "move" else "is also"
            yield f"{_shown_path(source)} {told} {place}: {_shown(_at(now, source))}"
        elif step["op"] == "remove":
            yield f"{place}: {_shown(before)} -> (none)"
        elif step["op"] == "add":
            yield f"{place}: (none) -> {_shown(step.get('value'))}"
        elif step["op"] == "replace":
            yield f"{place}: {_shown(before)} -> {_shown(step.get('value'))}"
        now = _after(now, step)


def _at(request: Any, pointer: str) -> Any:
    from jsonpointer import resolve_pointer

    return _UNKNOWN if request is _UNKNOWN else resolve_pointer(request, pointer, _UNKNOWN)


def _after(request: Any, step: Dict[str, Any]) -> Any:
    """Return the request after a step; unknown where it does not fit what was recorded."""
    from jsonpatch import JsonPatch, JsonPatchException
    from jsonpointer import JsonPointerException

    if request is _UNKNOWN:
        return request
    try:
        return JsonPatch([step]).apply(request)
    except (JsonPatchException, JsonPointerException, TypeError):
        return _UNKNOWN


def _shown_path(pointer: str) -> str:
    parts = pointer.lstrip("/").split("/")
    return ".".join(part.replace("~1", "/").replace("~0", "~") for part in parts)


def _shown(value: Any) -> str:
    return "(not recorded)" if value is _UNKNOWN else json.dumps(value, ensure_ascii=False)
