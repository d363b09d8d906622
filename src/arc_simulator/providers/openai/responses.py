"""The Responses API."""

from __future__ import annotations

import copy
import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from arc_simulator.errors import Refusal
from arc_simulator.events import event
from arc_simulator.provider import Call, Endpoint
from arc_simulator.providers.openai.errors import SERVER_ERROR, error_body, require
from arc_simulator.providers.openai.models import reasons, snapshot
from arc_simulator.providers.openai.writing import (
    ToolUse,
    Writing,
    choose_text,
    choose_tool,
    pieces,
    plain_text,
    token_limit,
    write,
)
from arc_simulator.tokens import count_tokens

_ECHOED: Mapping[str, Any] = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "reasoning": {"effort": None, "summary": None},
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
"""Parameters that a response repeats, with the value they have when the request has none."""

_INCOMPLETE_REASONS = {"length": "max_output_tokens", "content_filter": "content_filter"}


def reply(call: Call) -> dict[str, Any]:
    """Make a whole response."""
    body = call.body
    require(body, "input")
    tool_use = choose_tool(call, _tools(body), _asked(body["input"]))
    text_settings = body.get("text")
    response_format = text_settings.get("format") if isinstance(text_settings, Mapping) else None
    writing = write(
        call,
        text=tool_use.arguments if tool_use else choose_text(call, response_format),
        limit=token_limit(body, "max_output_tokens"),
        is_reasoning=reasons(body["model"]),
    )
    reason = _INCOMPLETE_REASONS.get(writing.finish_reason)
    status = "incomplete" if reason else "completed"
    now = int(time.time())
    return {
        "id": f"resp_{uuid.uuid4().hex}",
        "object": "response",
        "created_at": now,
        "completed_at": None if reason else now,
        "status": status,
        "error": None,
        "incomplete_details": {"reason": reason} if reason else None,
        "model": snapshot(body["model"]),
        "output": list(_output(body, writing, tool_use, status)),
        "usage": _usage(body, writing),
        **{key: body.get(key, default) for key, default in _ECHOED.items()},
    }


def _output(
    body: Mapping[str, Any], writing: Writing, tool_use: ToolUse | None, status: str
) -> Iterator[dict[str, Any]]:
    if reasons(body["model"]):
        yield {"id": f"rs_{uuid.uuid4().hex}", "type": "reasoning", "summary": []}
    if tool_use:
        yield {
            "id": f"fc_{uuid.uuid4().hex}",
            "type": "function_call",
            "status": status,
            "call_id": f"call_{uuid.uuid4().hex[:24]}",
            "name": tool_use.name,
            "arguments": writing.text,
        }
    else:
        text = {"type": "output_text", "text": writing.text, "annotations": [], "logprobs": []}
        yield {
            "id": f"msg_{uuid.uuid4().hex}",
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": [text],
        }


def _usage(body: Mapping[str, Any], writing: Writing) -> dict[str, Any]:
    texts = [body["input"], body.get("instructions"), body.get("tools")]
    input_tokens = count_tokens(texts) + 3
    return {
        "input_tokens": input_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": writing.tokens,
        "output_tokens_details": {"reasoning_tokens": writing.reasoning_tokens},
        "total_tokens": input_tokens + writing.tokens,
    }


def _tools(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    tools = body.get("tools")
    found = tools if isinstance(tools, list) else []
    return [tool for tool in found if isinstance(tool, Mapping) and tool.get("type") == "function"]


def _asked(input_: Any) -> str:
    if isinstance(input_, str):
        return input_
    last = input_[-1] if isinstance(input_, list) and input_ else None
    if not isinstance(last, Mapping) or last.get("role") != "user":
        return ""
    return plain_text(last.get("content"))


def events(call: Call, whole: dict[str, Any]) -> list[bytes]:
    """Cut a response into the events of a stream."""
    unnumbered = _events(whole, call.space.settings.chunk_count)
    return [
        event({**fields, "sequence_number": number}, fields["type"])
        for number, fields in enumerate(unnumbered)
    ]


def _events(whole: Mapping[str, Any], count: int) -> Iterator[dict[str, Any]]:
    opening = {
        **whole,
        "status": "in_progress",
        "completed_at": None,
        "incomplete_details": None,
        "output": [],
        "usage": None,
    }
    for name in ("created", "in_progress"):
        yield {"type": f"response.{name}", "response": opening}
    for index, item in enumerate(whole["output"]):
        opened = _opened(item)
        yield {"type": "response.output_item.added", "output_index": index, "item": opened}
        make = _ITEM_EVENTS.get(item["type"])
        if make:
            yield from make(item, {"item_id": item["id"], "output_index": index}, count)
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
    yield {"type": f"response.{whole['status']}", "response": whole}


def _opened(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item as it looks before anything has been written into it."""
    empty = {"status": "in_progress", "content": [], "arguments": ""}
    return {key: empty.get(key, value) for key, value in item.items()}


def _message_events(
    item: Mapping[str, Any], place: Mapping[str, Any], count: int
) -> Iterator[dict[str, Any]]:
    for index, part in enumerate(item["content"]):
        here = {**place, "content_index": index}
        empty = {**part, "text": ""}
        text = part["text"]
        yield {"type": "response.content_part.added", **here, "part": empty}
        for piece in pieces(text, count):
            yield {"type": "response.output_text.delta", **here, "delta": piece, "logprobs": []}
        yield {"type": "response.output_text.done", **here, "text": text, "logprobs": []}
        yield {"type": "response.content_part.done", **here, "part": part}


def _function_call_events(
    item: Mapping[str, Any], place: Mapping[str, Any], count: int
) -> Iterator[dict[str, Any]]:
    prefix = "response.function_call_arguments"
    for piece in pieces(item["arguments"], count):
        yield {"type": f"{prefix}.delta", **place, "delta": piece}
    yield {
        "type": f"{prefix}.done",
        **place,
        "name": item["name"],
        "arguments": item["arguments"],
    }


_ITEM_EVENTS = {"message": _message_events, "function_call": _function_call_events}


def error_event(body: Any) -> bytes:
    """Write the event by which a stream reports an error."""
    error = (SERVER_ERROR if body is None else body).get("error", {})
    fields = {key: error.get(key) for key in ("code", "message", "param")}
    return event({"type": "error", **fields, "sequence_number": 0}, "error")


def retrieve(call: Call) -> dict[str, Any]:
    """Return a stored response."""
    id_ = call.path["id"]
    found = call.space.replies.get(id_)
    if found is None:
        raise Refusal(404, error_body(f"Response with id '{id_}' not found."))
    return copy.deepcopy(found)  # a rule may change what is answered, not what is stored


def acknowledge(call: Call, whole: dict[str, Any]) -> dict[str, Any]:
    """Return what is answered at once: all of a response, unless it runs in the background."""
    if call.body.get("background") is not True:
        return whole
    unknown = dict.fromkeys(("completed_at", "error", "incomplete_details", "usage"))
    return {**whole, **unknown, "status": "queued", "output": []}


CREATE = Endpoint(
    name="openai.responses",
    method="POST",
    path="/responses",
    reply=reply,
    acknowledge=acknowledge,
    events=events,
    error_event=error_event,
    is_stored=lambda call: call.body.get("store") is not False,
)
RETRIEVE = Endpoint(
    name="openai.responses.retrieve",
    method="GET",
    path="/responses/{id}",
    reply=retrieve,
    events=events,
    error_event=error_event,
    takes_json=False,
)
