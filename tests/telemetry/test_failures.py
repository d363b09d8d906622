"""What the worker says is wrong with replies of OpenAI's APIs."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

import pytest

from arc_protocol import semconv
from runtime._calls import Api
from runtime._telemetry.description import describe
from runtime._telemetry.failures import Failures
from runtime.providers._openai_responses import ResponsesReader
from telemetry.calls import BODY, REPLY, finished_call

RESPONSES = Api("responses", "chat", ResponsesReader(), "input")
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}}


def kinds(seen: Optional[Failures] = None, **fields: Any) -> List[str]:
    description = describe(finished_call(**fields))
    (seen or Failures()).note(description)
    found: List[str] = description.attributes.get(semconv.ARC_FAILURE_KINDS, [])
    return found


def choice(reason: str = "stop", **message: Any) -> Dict[str, Any]:
    said = {"role": "assistant", "content": None, **message}
    return {**REPLY, "choices": [{"message": said, "finish_reason": reason}]}


def tool_call(arguments: str) -> Dict[str, Any]:
    return {"id": "c", "type": "function", "function": {"name": "weather", "arguments": arguments}}


@pytest.mark.parametrize(
    ("reply", "body", "expected"),
    [
        (REPLY, {}, []),
        (choice("length", content="Once"), {}, ["truncated"]),
        (choice("length", content=""), {}, ["empty_output", "truncated"]),
        (choice(), {}, ["empty_output"]),
        (choice("content_filter"), {}, ["content_filter"]),
        (choice(refusal="No."), {}, ["refused"]),
        (choice(content="{"), {"response_format": {"type": "json_object"}}, ["invalid_json"]),
        (
            choice("tool_calls", tool_calls=[tool_call("{")]),
            {"tools": [{"type": "function", "function": {"name": "weather", "parameters": {}}}]},
            ["invalid_tool_arguments"],
        ),
        (
            choice("tool_calls", tool_calls=[tool_call('{"city": 5}')]),
            {
                "tools": [
                    {"type": "function", "function": {"name": "weather", "parameters": WEATHER}}
                ]
            },
            ["invalid_tool_arguments"],
        ),
        (
            choice("tool_calls", tool_calls=[tool_call("{}")]),
            {"tools": [{"type": "function", "function": {"name": "other"}}]},
            ["unknown_tool"],
        ),
        (None, {}, []),
    ],
)
def test_chat_completions(reply: Any, body: Any, expected: List[str]) -> None:
    assert kinds(reply=reply, body={**BODY, **body}) == expected


def test_a_stream_that_was_left_early_is_no_failure() -> None:
    assert kinds(reply=choice("length"), abandoned=True) == []


def item(number: int) -> Dict[str, Any]:
    made = {"type": "function_call", "call_id": "c", "name": "weather", "arguments": "{}"}
    return {"id": f"resp_{number}", "status": "completed", "output": [made]}


def test_responses() -> None:
    body = {"model": "m", "input": "hi"}
    empty = {"id": "r", "status": "completed", "output": [{"type": "reasoning", "summary": []}]}
    waiting = {"id": "r", "status": "queued", "output": []}
    cut = {"id": "r", "status": "incomplete", "output": []}
    cut["incomplete_details"] = {"reason": "max_output_tokens"}
    for reply, expected in (
        (empty, ["empty_output"]),
        (waiting, []),
        (cut, ["empty_output", "truncated"]),
        (item(1), []),
    ):
        assert kinds(api=RESPONSES, body=body, reply=reply) == expected


def test_a_loop_is_seen_where_the_provider_keeps_the_conversation() -> None:
    """Each request holds nothing but the last result."""
    seen = Failures()

    def step(number: int, given: Any = None) -> List[str]:
        result = [{"type": "function_call_output", "call_id": "c", "output": "rain"}]
        body = {"model": "m", "input": given or result}
        if number:
            body["previous_response_id"] = f"resp_{number - 1}"
        return kinds(seen, api=RESPONSES, body=body, reply=item(number))

    assert [step(0, "hi"), step(1), step(2)] == [[], [], ["repeated_tool_call"]]
    assert [step(3, "again"), step(4)] == [[], []]


def test_few_conversations_are_remembered() -> None:
    seen = Failures()
    for number in range(3000):
        kinds(seen, api=RESPONSES, body={"model": "m", "input": "hi"}, reply=item(number))
    assert len(seen._runs) <= 1024
