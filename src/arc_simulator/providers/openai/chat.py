"""Chat Completions."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from arc_simulator.errors import Refusal
from arc_simulator.events import DONE, event
from arc_simulator.provider import Call, Endpoint
from arc_simulator.providers.openai.errors import (
    SERVER_ERROR,
    error_body,
    require,
    require_list,
)
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


def reply(call: Call) -> dict[str, Any]:
    """Make a whole completion."""
    body = call.body
    require(body, "messages")
    require_list(body, "messages")
    _check_roles(body["messages"])
    tool_use = choose_tool(call, _tools(body), _asked(body["messages"]))
    writing = write(
        call,
        text=tool_use.arguments if tool_use else choose_text(call, body.get("response_format")),
        limit=token_limit(body, "max_completion_tokens", "max_tokens"),
        is_reasoning=reasons(body["model"]),
        finish_reason="tool_calls" if tool_use else "stop",
    )
    count = token_limit(body, "n") or 1
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex[:29]}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": snapshot(body["model"]),
        "choices": [_choice(index, writing, tool_use) for index in range(count)],
        "usage": _usage(body, writing, count),
        "service_tier": "default",
        "system_fingerprint": "fp_5a7e1c0d42",
    }


def _check_roles(messages: list[Any]) -> None:
    for position, message in enumerate(messages):
        if not isinstance(message, Mapping) or "role" not in message:
            param = f"messages[{position}].role"
            text = f"Missing required parameter: '{param}'."
            raise Refusal(400, error_body(text, param=param, code="missing_required_parameter"))


def _tools(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    tools = body.get("tools")
    functions = (
        tool.get("function")
        for tool in (tools if isinstance(tools, list) else [])
        if isinstance(tool, Mapping)
    )
    return [function for function in functions if isinstance(function, Mapping)]


def _asked(messages: list[Mapping[str, Any]]) -> str:
    last = messages[-1]
    return plain_text(last.get("content")) if last["role"] == "user" else ""


def _choice(index: int, writing: Writing, tool_use: ToolUse | None) -> dict[str, Any]:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if tool_use else writing.text,
        "refusal": None,
        "annotations": [],
    }
    if tool_use:
        function = {"name": tool_use.name, "arguments": writing.text}
        call_id = f"call_{uuid.uuid4().hex[:24]}"
        message["tool_calls"] = [{"id": call_id, "type": "function", "function": function}]
    return {
        "index": index,
        "message": message,
        "logprobs": None,
        "finish_reason": writing.finish_reason,
    }


def _usage(body: Mapping[str, Any], writing: Writing, count: int) -> dict[str, Any]:
    prompt = count_tokens([body["messages"], body.get("tools")])
    written = writing.tokens * count
    return {
        "prompt_tokens": prompt,
        "completion_tokens": written,
        "total_tokens": prompt + written,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": writing.reasoning_tokens * count,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def events(call: Call, whole: dict[str, Any]) -> list[bytes]:
    """Cut a completion into the chunks of a stream."""
    options = call.body.get("stream_options")
    has_usage = isinstance(options, dict) and options.get("include_usage") is True
    head = {key: value for key, value in whole.items() if key not in ("choices", "usage")}
    head["object"] = "chat.completion.chunk"
    if has_usage:
        head["usage"] = None
    chunks = [
        {**head, "choices": [{"index": choice["index"], "logprobs": None, **part}]}
        for choice in whole["choices"]
        for part in _parts(choice, call.space.settings.chunk_count)
    ]
    if has_usage:
        chunks.append({**head, "choices": [], "usage": whole["usage"]})
    return [*map(event, chunks), DONE]


def _parts(choice: Mapping[str, Any], count: int) -> Iterator[dict[str, Any]]:
    for delta in _deltas(choice["message"], count):
        yield {"delta": delta, "finish_reason": None}
    yield {"delta": {}, "finish_reason": choice["finish_reason"]}


def _deltas(message: Mapping[str, Any], count: int) -> Iterator[dict[str, Any]]:
    text, tool_calls = message.get("content"), message.get("tool_calls") or []
    first = None if tool_calls and text is None else ""
    yield {"role": "assistant", "content": first, "refusal": None}
    for piece in pieces(text or "", count):
        yield {"content": piece}
    for index, tool_call in enumerate(tool_calls):
        function = tool_call["function"]
        opened = {**tool_call, "index": index, "function": {**function, "arguments": ""}}
        yield {"tool_calls": [opened]}
        for piece in pieces(function["arguments"], count):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def error_event(body: Any) -> bytes:
    """Write the event by which a stream reports an error."""
    return event(SERVER_ERROR if body is None else body)


ENDPOINT = Endpoint(
    name="openai.chat.completions",
    method="POST",
    path="/chat/completions",
    reply=reply,
    events=events,
    error_event=error_event,
)
