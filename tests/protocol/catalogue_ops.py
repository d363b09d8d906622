"""A plain interpreter of the catalogue's fixes: what each operation means, written a second time.

It shares no code with `arc_protocol` on purpose: the two must agree about every case.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import re
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

Slot = Tuple[Any, Any]
"""A container and a key or an index in it."""

OPS: Dict[str, Callable[..., None]] = {}


def apply(ops: List[Dict[str, Any]], request: Dict[str, Any]) -> Dict[str, Any]:
    """Return the request with the operations of a case applied."""
    request = copy.deepcopy(request)
    for op in ops:
        arguments = {key: value for key, value in op.items() if key not in IGNORED}
        OPS[op["op"]](request, **arguments)
    return request


IGNORED = ("op", "reverse_in_response", "scope")
"""What concerns the response, or says that the operation is for later requests."""


def op(function: Callable[..., None]) -> Callable[..., None]:
    """Register an operation under its name."""
    OPS[function.__name__.rstrip("_")] = function
    return function


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


@op
def append_text(request: Any, *, path: str, text: str, target: Optional[str] = None) -> None:
    if target is None:
        set_(request, path=path, value=_joined(value_at(request, path), text))
        return
    roles, last = {
        "first_system_else_first_user": (("system", "user"), False),
        "last_user": (("user",), True),
    }[target]
    messages = value_at(request, path)
    for role in roles:
        found = [message for message in messages if message["role"] == role]
        if found:
            dropped = request.pop("__dropped__", {"content": ""})
            message = found[-1] if last else found[0]
            message["content"] = _joined(
                message["content"], text.replace("{prefill}", dropped["content"])
            )
            return


def _joined(text: Optional[str], more: str) -> str:
    return f"{text}\n\n{more}" if text else more


@op
def move_text(request: Any, *, path: str, to: str) -> None:
    assert to == "first_user_message_prefix"
    text = value_at(request, path)
    remove(request, path=path)
    first = next(turn for turn in request["contents"] if turn["role"] == "user")
    first["parts"].insert(0, {"text": text})


@op
def move_parts(request: Any, *, path: str, where: Any, parts: str, to: str) -> None:
    assert to == "new_user_message_after"
    messages = value_at(request, path.replace("[*]", ""))
    for at in range(len(messages) - 1, -1, -1):
        content = messages[at]["content"]
        if holds(where, messages[at]) and isinstance(content, list):
            moved = [part for part in content if part["type"] == parts]
            messages[at]["content"] = [part for part in content if part["type"] != parts] or ""
            if moved:
                messages.insert(at + 1, {"role": "user", "content": moved})


@op
def split_mixed_turn(request: Any, *, path: str, bridge: Any) -> None:
    turns: List[Any] = []
    for turn in value_at(request, path):
        answers = [block for block in turn["content"] if "toolResult" in block]
        others = [block for block in turn["content"] if "toolResult" not in block]
        parts = [part for part in (answers, others) if part]
        for at, part in enumerate(parts):
            turns += [copy.deepcopy(bridge)] if at else []
            turns.append({"role": turn["role"], "content": part})
    set_(request, path=path, value=turns)


@op
def synthesize_tools(request: Any, **arguments: Any) -> None:
    assert arguments == {"path": "toolConfig", "from": "names_in_history"}
    names = [slot[0]["name"] for slot in there(request, "messages[*].content[*].toolUse.name")]
    schema = {"json": {"type": "object", "properties": {}}}
    request["toolConfig"] = {
        "tools": [{"toolSpec": {"name": name, "inputSchema": schema}} for name in names]
    }


@op
def limit_marks(request: Any, *, path: str, max: int, keep: str) -> None:
    assert keep == "last_of_tools_and_system_then_latest_messages"
    assert path == "**.cache_control"
    marked = {
        area: there(request.get(area) or [], path) for area in ("tools", "system", "messages")
    }
    keepers = marked["tools"][-1:] + marked["system"][-1:]
    keepers += (marked["tools"][:-1] + marked["system"][:-1] + marked["messages"])[::-1]
    for container, key in keepers[max:]:
        del container[key]


@op
def rewrite_ids(request: Any, *, paths: List[str], to: str, consistent: bool) -> None:
    assert (to, consistent) == ("base62_hash_9", True)
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    for path in paths:
        for container, key in there(request, path):
            number = int(hashlib.sha256(container[key].encode()).hexdigest(), 16)
            container[key] = "".join(digits[number // 62**place % 62] for place in range(9))


@op
def sanitize_name(
    request: Any,
    *,
    path: str,
    pattern: str,
    replace: str,
    max_len: int,
    also: Tuple[str, ...] = (),
    must_start: str = "",
) -> None:
    for one in (path, *also):
        for container, key in there(request, one):
            name = re.sub(pattern, replace, container[key])
            if not re.match(must_start, name):
                name = replace + name
            container[key] = name[:max_len]


@op
def convert_shape(request: Any, *, path: str, to: str, **arguments: Any) -> None:
    for container, key in there(request, path):
        value = container[key]
        if to == "responses_tool":
            container[key] = {"type": value["type"], **value["function"]}
        else:
            assert to == "openai_json_schema_wrapper"
            wrapped = {"name": value.get("title", "response"), "schema": value}
            container[key] = {"type": "json_schema", "json_schema": wrapped}


@op
def set_from_content(request: Any, *, path: str, how: str) -> None:
    assert how == "sniff_image_magic"
    for container, key in there(request, path):
        head = base64.b64decode(container["data"][:16])
        for magic, kind in ((b"\xff\xd8\xff", "jpeg"), (b"\x89PNG", "png"), (b"GIF8", "gif")):
            if head.startswith(magic):
                container[key] = f"image/{kind}"


@op
def retry_with(request: Any, *, changes: Any) -> None:
    """Concern the response; the operations after it say what to do the next time."""


@op
def repair_tool_pairs(
    request: Any,
    *,
    path: str,
    orphan_result: str,
    missing_result: str,
    stub_text: str = "[no result: the tool call was not completed]",
) -> None:
    assert missing_result == "stub"
    repair = {"input": _repair_items, "contents": _repair_gemini}.get(path)
    if repair is None:
        anthropic = "max_tokens" in request and request["model"].startswith("claude")
        repair = _repair_anthropic if anthropic else _repair_chat
    set_(request, path=path, value=repair(request[path], orphan_result, stub_text))


def _repair_chat(messages: List[Any], orphan: str, stub: str) -> List[Any]:
    done: List[Any] = []
    at = 0
    while at < len(messages):
        message = messages[at]
        at += 1
        if message["role"] == "tool":
            continue
        done.append(message)
        answers = {}
        while at < len(messages) and messages[at]["role"] == "tool":
            answers[messages[at]["tool_call_id"]] = messages[at]
            at += 1
        for call in message.get("tool_calls") or ():
            missing = {"role": "tool", "tool_call_id": call["id"], "content": stub}
            done.append(answers.get(call["id"], missing))
    return done


def _repair_items(items: List[Any], orphan: str, stub: str) -> List[Any]:
    known = {item["call_id"] for item in items if item.get("type") == "function_call"}
    outputs = [item for item in items if item.get("type") == "function_call_output"]
    assert known == set() or known <= {item["call_id"] for item in outputs}
    return [item for item in items if item not in outputs or item["call_id"] in known]


def _repair_anthropic(messages: List[Any], orphan: str, stub: str) -> List[Any]:
    open_: List[str] = []
    for message in messages:
        blocks = message["content"] if isinstance(message["content"], list) else []
        for at, block in enumerate(blocks):
            if block["type"] == "tool_result" and block["tool_use_id"] not in open_:
                assert orphan == "to_user_text"
                blocks[at] = {"type": "text", "text": block["content"]}
        answered = [block.get("tool_use_id") for block in blocks]
        for id_ in open_:
            if id_ not in answered:
                blocks.append({"type": "tool_result", "tool_use_id": id_, "content": stub})
        open_ = [block["id"] for block in blocks if block["type"] == "tool_use"]
    assert not open_
    return messages


def _repair_gemini(turns: List[Any], orphan: str, stub: str) -> List[Any]:
    for turn, answer in zip(turns, turns[1:]):
        asked = [part["function_call"]["name"] for part in turn["parts"] if "function_call" in part]
        given = [part.get("function_response", {}).get("name") for part in answer["parts"]]
        for name in asked:
            if name not in given:
                response = {"name": name, "response": {"result": stub}}
                answer["parts"].append({"function_response": response})
    return turns


def _schemas(request: Any, path: str) -> Iterator[Dict[str, Any]]:
    """Yield all objects below a path that stand where a schema may stand."""
    for container, key in there(request, path):
        yield from _within(container[key])


def _within(schema: Any) -> Iterator[Dict[str, Any]]:
    yield schema
    inner = list(schema.get("properties", {}).values())
    inner += [schema["items"]] if "items" in schema else []
    inner += schema.get("anyOf", []) + schema.get("oneOf", []) + schema.get("allOf", [])
    for one in inner:
        yield from _within(one)


@op
def schema_strictify(request: Any, *, path: str, optional: str) -> None:
    assert optional == "nullable"
    for schema in _schemas(request, path):
        if schema.get("type") == "object":
            for name, inner in schema["properties"].items():
                if name not in schema.get("required", []):
                    inner["type"] = [inner["type"], "null"]
            schema["required"] = list(schema["properties"])
            schema["additionalProperties"] = False


@op
def schema_remove_keyword(
    request: Any, *, path: str, keywords: List[str], where: Any = None
) -> None:
    for schema in _schemas(request, path):
        if holds(where, schema):
            for keyword in keywords:
                schema.pop(keyword, None)


@op
def schema_rewrite_keyword(request: Any, *, path: str, keyword: str, to: str, wrap: str) -> None:
    assert wrap == "list"
    for schema in _schemas(request, path):
        if keyword in schema:
            schema[to] = [schema.pop(keyword)]


@op
def schema_set_default(request: Any, *, path: str, where: Any, key: str, value: Any) -> None:
    for schema in _schemas(request, path):
        if holds(where, schema):
            schema.setdefault(key, dict(value))


@op
def schema_set_default_type(request: Any, *, path: str, type: str) -> None:
    for schema in _schemas(request, path):
        if not {"type", "anyOf", "enum", "$ref"} & schema.keys():
            schema["type"] = type


@op
def schema_stringify_enum(request: Any, *, path: str) -> None:
    for schema in _schemas(request, path):
        if "enum" in schema:
            schema["enum"] = [str(value) for value in schema["enum"]]
            schema["type"] = "string"


@op
def schema_flatten_top_union(request: Any, *, path: str) -> None:
    for container, key in there(request, path):
        schema = container[key]
        for union in ("anyOf", "oneOf"):
            for part in schema.pop(union, []):
                schema["properties"].update(part.get("properties", {}))
