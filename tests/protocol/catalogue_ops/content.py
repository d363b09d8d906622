"""Operations on what is inside messages: text, parts, names and ids."""

from __future__ import annotations

import base64
import copy
import hashlib
import re
from typing import Any, List, Optional, Tuple

from protocol.catalogue_ops.parameters import remove, set_
from protocol.catalogue_ops.paths import holds, there, value_at
from protocol.catalogue_ops.registry import op


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
