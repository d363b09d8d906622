"""Where the paths of the catalogue lead in a request."""

from __future__ import annotations

import re
from typing import Any, Dict, Iterator, List, Optional, Tuple

Slot = Tuple[Any, Any]
"""A container and a key or an index in it."""


def slots(request: Any, path: str) -> List[Slot]:
    """Return where a path leads; the last key need not exist."""
    steps = re.findall(r"\*\*|[^.\[\]]+|\[[^\]]+\]", path)
    found: List[Slot] = [([request], 0)]
    for step in steps:
        found = [slot for one in found for slot in _step(one, step)]
    return found


def _step(slot: Slot, step: str) -> Iterator[Slot]:
    container, key = slot
    if isinstance(container, dict) and key not in container:
        return
    value = container[key]
    if step == "**":
        yield from _below((container, key))
    elif step == "[*]":
        if isinstance(value, list):
            yield from ((value, at) for at in range(len(value)))
    elif step.startswith("["):
        at = int(step[1:-1])
        if isinstance(value, list) and -len(value) <= at < len(value):
            yield value, at
    elif isinstance(value, dict):
        yield value, step


def _below(slot: Slot) -> Iterator[Slot]:
    yield slot
    value = slot[0][slot[1]]
    keys = (
        list(value)
        if isinstance(value, dict)
        else range(len(value))
        if isinstance(value, list)
        else ()
    )
    for key in keys:
        yield from _below((value, key))


def there(request: Any, path: str) -> List[Slot]:
    """Return where a path leads to something."""
    return [
        (container, key)
        for container, key in slots(request, path)
        if isinstance(container, list) or key in container
    ]


def value_at(request: Any, path: str) -> Any:
    """Return the one value at a path, or None."""
    found = there(request, path)
    return found[0][0][found[0][1]] if found else None


def holds(where: Optional[Dict[str, Any]], item: Any) -> bool:
    """Tell whether an element satisfies a `where`."""
    if where is None:
        return True
    if "all" in where:
        return all(holds(part, item) for part in where["all"])
    value = item if where["path"] == "." else value_at(item, where["path"])
    present = where["path"] == "." or bool(there(item, where["path"]))
    return {
        "eq": lambda: present and value == where["value"],
        "ne": lambda: not present or value != where["value"],
        "in": lambda: present and value in where["value"],
        "not_in": lambda: not present or value not in where["value"],
        "regex": lambda: isinstance(value, str) and bool(re.search(where["value"], value)),
        "exists": lambda: present,
    }[where["op"]]()
