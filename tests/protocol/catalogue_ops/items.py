"""Operations on the items of a list, messages and others: dropped, inserted, merged."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from protocol.catalogue_ops.parameters import set_
from protocol.catalogue_ops.paths import holds, there, value_at
from protocol.catalogue_ops.registry import op


@op
def drop_items(
    request: Any,
    *,
    path: str,
    where: Any,
    only: Optional[str] = None,
    if_emptied: Any = None,
    placeholder: Any = None,
    replace_with: Any = None,
) -> None:
    for container, key in there(request, path):
        items = container[key]
        if not isinstance(items, list):
            continue
        doomed = [at for at, item in enumerate(items) if _doomed(items, at, where)]
        if only == "last":
            doomed = doomed[-1:]
        if only == "last" and doomed:
            request.setdefault("__dropped__", items[doomed[0]])
        for at in reversed(doomed):
            items[at : at + 1] = [] if replace_with is None else [dict(replace_with)]
        if not items and if_emptied == "placeholder":
            typed = "type" in str(where)
            items.append({"type": "text", "text": placeholder} if typed else {"text": placeholder})


def _doomed(items: List[Any], at: int, where: Dict[str, Any]) -> bool:
    if where.get("op") != "predicate":
        return holds(where, items[at])
    assert where["name"] == "reasoning_item_without_follower"
    follower = items[at + 1] if at + 1 < len(items) else {"role": "user"}
    return items[at].get("type") == "reasoning" and follower.get("role") == "user"


@op
def dedupe_by(request: Any, *, path: str, key: str) -> None:
    for container, name in there(request, path):
        first = {}
        for item in container[name]:
            first.setdefault(item[key], item)
        container[name] = list(first.values())


@op
def keep_only_keys(request: Any, *, path: str, keys: List[str]) -> None:
    for container, key in there(request, path):
        container[key] = {name: value for name, value in container[key].items() if name in keys}


@op
def append_block(request: Any, *, path: str, where: Any, block: Any) -> None:
    for container, key in there(request, path):
        if any(holds(where, item) for item in container[key]):
            container[key].append(dict(block))


@op
def reorder_blocks(request: Any, *, path: str, first: Any) -> None:
    for container, key in there(request, path):
        if isinstance(container[key], list):
            container[key].sort(key=lambda block: not holds(first, block))


@op
def insert_message(request: Any, *, path: str, at: str, message: Any) -> None:
    assert at == "start"
    value_at(request, path).insert(0, dict(message))


@op
def insert_between(request: Any, *, path: str, before: Any, after: Any, message: Any) -> None:
    messages = value_at(request, path)
    for at in range(len(messages) - 1, 0, -1):
        if messages[at - 1]["role"] == after["role"] and messages[at]["role"] == before["role"]:
            messages.insert(at, dict(message))


@op
def change_role(request: Any, *, path: str, where: Any, to: str) -> None:
    for container, key in there(request, path):
        if holds(where, container[key]):
            container[key]["role"] = to


@op
def merge_consecutive_roles(request: Any, *, path: str, role: Optional[str] = None) -> None:
    merged: List[Any] = []
    for message in value_at(request, path):
        before = merged[-1] if merged else {}
        if before.get("role") == message["role"] and role in (None, message["role"]):
            key = "parts" if "parts" in message else "content"
            both = before[key], message[key]
            before[key] = "\n\n".join(both) if isinstance(both[0], str) else both[0] + both[1]
        else:
            merged.append(message)
    set_(request, path=path, value=merged)


@op
def hoist_system(request: Any, *, path: str, to: str, join: str) -> None:
    messages = value_at(request, path)
    texts = [message["content"] for message in messages if message["role"] == "system"]
    own = [request[to]] if request.get(to) else []
    request[to] = join.join(own + texts)
    messages[:] = [message for message in messages if message["role"] != "system"]
