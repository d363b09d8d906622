"""Operations on one parameter: set, renamed, limited, of another type."""

from __future__ import annotations

import copy
import re
from typing import Any, Dict, List

from protocol.catalogue_ops.paths import holds, slots, there, value_at
from protocol.catalogue_ops.registry import op


@op
def set_(request: Any, *, path: str, value: Any) -> None:
    for container, key in slots(request, path):
        container[key] = copy.deepcopy(value)


@op
def set_default(request: Any, *, path: str, value: Any, where: Any = None) -> None:
    parent, _, last = path.rpartition(".")
    if parent and not slots(request, path):
        set_default(request, path=parent, value={})
    for container, key in slots(request, path):
        if key not in container and holds(where, container):
            container[last or key] = copy.deepcopy(value)


@op
def remove(request: Any, *, path: str) -> None:
    for container, key in reversed(there(request, path)):
        del container[key]


@op
def rename(request: Any, *, path: str, to: str) -> None:
    for container, key in there(request, path):
        container[to] = container.pop(key)


@op
def clamp(request: Any, *, path: str, min: Any = None, max: Any = None) -> None:
    for container, key in there(request, path):
        if min is not None and container[key] < min:
            container[key] = min
        if max is not None and container[key] > max:
            container[key] = max


@op
def set_expr(request: Any, *, path: str, expr: str) -> None:
    def number(term: str) -> float:
        return int(term) if term.isdigit() else value_at(request, term)

    def total(text: str) -> float:
        return sum(number(term.strip()) for term in text.split("+"))

    greatest = re.fullmatch(r"max\((.+),(.+)\)", expr)
    value = max(map(total, greatest.groups())) if greatest else total(expr)
    set_(request, path=path, value=value)


@op
def map_value(request: Any, *, path: str, map: Dict[str, Any]) -> None:
    for container, key in there(request, path):
        container[key] = map.get(container[key], container[key])


@op
def switch_model(request: Any, *, map: Dict[str, str]) -> None:
    map_value(request, path="model", map=map)


@op
def convert_type(request: Any, *, path: str, to: str) -> None:
    for container, key in there(request, path):
        container[key] = {"integer": int}[to](container[key])


@op
def strip_whitespace(request: Any, *, path: str, side: str) -> None:
    for container, key in there(request, path):
        container[key] = {"right": container[key].rstrip}[side]()


@op
def replace_empty(request: Any, *, path: str, with_value: Any, where_item: Any = None) -> None:
    for container, key in there(request, path):
        if container[key] in (None, "") and holds(where_item, container):
            container[key] = with_value


@op
def limit_list(request: Any, *, path: str, max: int, keep: str = "first") -> None:
    for container, key in there(request, path):
        items = container[key]
        used = set()
        if keep == "recently_called_then_first":
            used = {call["function"]["name"] for call in _chat_calls(request)}
        named = [item for item in items if used and item["function"]["name"] in used]
        chosen = (named + [item for item in items if item not in named])[:max]
        container[key] = [item for item in items if item in chosen]


def _chat_calls(request: Any) -> List[Any]:
    return [call for message in request["messages"] for call in message.get("tool_calls") or ()]
