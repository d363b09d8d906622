"""Calls of tools and their results, brought together again."""

from __future__ import annotations

from typing import Any, List

from protocol.catalogue_ops.parameters import set_
from protocol.catalogue_ops.registry import op


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
