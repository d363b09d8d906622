"""Readings of the Responses API: what telemetry learns from requests, replies and events."""

from __future__ import annotations

from typing import Any, Dict, List

import pytest

from runtime.providers._openai_responses import ResponsesReader

# the oldest versions of the SDK do not have this API
Response = pytest.importorskip("openai.types.responses").Response
READER = ResponsesReader()
MESSAGE = {
    "type": "message",
    "id": "msg_1",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "output_text", "text": "Hello", "annotations": []}],
}
FUNCTION_CALL = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "call_1",
    "name": "weather",
    "arguments": '{"city": "Oslo"}',
}
REASONING = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [{"type": "summary_text", "text": "Hm."}],
    "content": [{"type": "reasoning_text", "text": "Well."}],
    "encrypted_content": "secret",
}


@pytest.mark.parametrize(
    ("body", "name", "value"),
    [
        ({"model": "gpt-5"}, "gen_ai.request.model", "gpt-5"),
        ({"temperature": 0.2}, "gen_ai.request.temperature", 0.2),
        ({"top_p": 1}, "gen_ai.request.top_p", 1.0),
        ({"max_output_tokens": 16}, "gen_ai.request.max_tokens", 16),
        ({"text": {"format": {"type": "json_schema"}}}, "gen_ai.output.type", "json"),
        ({"reasoning": {"effort": "high"}}, "gen_ai.request.reasoning.level", "high"),
        ({"previous_response_id": "r0"}, "gen_ai.request.previous_response.id", "r0"),
        ({"conversation": "conv_1"}, "gen_ai.conversation.id", "conv_1"),
        ({"conversation": {"id": "conv_2"}}, "gen_ai.conversation.id", "conv_2"),
        ({"service_tier": "priority"}, "openai.request.service_tier", "priority"),
        ({}, "openai.api.type", "responses"),
    ],
)
def test_parameters_become_attributes(body: Dict[str, Any], name: str, value: Any) -> None:
    """Each parameter of the convention's table is read."""
    assert READER.request(body).attributes.get(name) == value


def test_instructions_stand_apart_from_the_input() -> None:
    """A string of input is what the user said; tools are described by name alone if built in."""
    body = {
        "input": "Hi",
        "instructions": "Be brief.",
        "tools": [
            {"type": "function", "name": "f", "parameters": {"type": "object"}},
            {"type": "web_search"},
            {"type": "mcp", "server_label": "docs", "authorization": "secret"},
        ],
    }
    assert READER.request(body).content == {
        "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}],
        "gen_ai.system_instructions": [{"type": "text", "content": "Be brief."}],
        "gen_ai.tool.definitions": [
            {"type": "function", "name": "f", "parameters": {"type": "object"}},
            {"type": "web_search", "name": "web_search"},
            {"type": "mcp", "name": "docs"},
        ],
    }


def test_items_of_one_turn_become_one_message() -> None:
    """Reasoning and parallel calls belong to one assistant turn, their results to the next."""
    second = {**FUNCTION_CALL, "call_id": "call_2", "arguments": "{}"}
    items = [
        {"role": "user", "content": [{"type": "input_text", "text": "Weather?"}]},
        REASONING,
        FUNCTION_CALL,
        second,
        {"type": "function_call_output", "call_id": "call_1", "output": "rain"},
        {"type": "function_call_output", "call_id": "call_2", "output": "sun"},
    ]
    assert READER.request({"input": items}).content["gen_ai.input.messages"] == [
        {"role": "user", "parts": [{"type": "text", "content": "Weather?"}]},
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "Hm."},
                {"type": "reasoning", "content": "Well."},
                {
                    "type": "tool_call",
                    "id": "call_1",
                    "name": "weather",
                    "arguments": {"city": "Oslo"},
                },
                {"type": "tool_call", "id": "call_2", "name": "weather", "arguments": {}},
            ],
        },
        {
            "role": "tool",
            "parts": [
                {"type": "tool_call_response", "id": "call_1", "response": "rain"},
                {"type": "tool_call_response", "id": "call_2", "response": "sun"},
            ],
        },
    ]


@pytest.mark.parametrize(
    ("item", "part"),
    [
        (
            {"type": "custom_tool_call", "call_id": "c", "name": "sql", "input": "SELECT 1"},
            {"type": "tool_call", "id": "c", "name": "sql", "arguments": "SELECT 1"},
        ),
        (
            {"type": "computer_call", "call_id": "c", "action": {"type": "click"}},
            {"type": "tool_call", "id": "c", "name": "computer", "arguments": {"type": "click"}},
        ),
        (
            {"type": "web_search_call", "id": "ws_1", "status": "completed"},
            {
                "type": "server_tool_call",
                "id": "ws_1",
                "name": "web_search",
                "server_tool_call": {
                    "type": "web_search_call",
                    "id": "ws_1",
                    "status": "completed",
                },
            },
        ),
        (
            {"type": "image_generation_call", "id": "ig", "result": "AAAA"},
            {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "AAAA"},
        ),
        ({"type": "compaction", "id": "x"}, {"type": "compaction", "id": "x"}),
    ],
)
def test_other_items_become_parts(item: Dict[str, Any], part: Dict[str, Any]) -> None:
    """Calls that the application runs, calls that the provider ran, and what is neither."""
    messages = READER.request({"input": [item]}).content["gen_ai.input.messages"]
    assert messages == [{"role": "assistant", "parts": [part]}]


def response(**fields: Any) -> Any:
    return Response.construct(
        **{
            "id": "resp_1",
            "object": "response",
            "model": "gpt-5-2025",
            "status": "completed",
            "service_tier": "default",
            "output": [MESSAGE],
            **fields,
        }
    )


def test_a_reply_tells_identity_tokens_and_finish_reason() -> None:
    """Tokens read from a cache and tokens thought are subsets of input and output."""
    usage = {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 8, "cache_write_tokens": 1},
        "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 6},
        "total_tokens": 17,
    }
    reading = READER.reply(response(usage=usage, output=[REASONING, MESSAGE]))
    assert reading.attributes == {
        "gen_ai.response.id": "resp_1",
        "gen_ai.response.model": "gpt-5-2025",
        "gen_ai.response.finish_reasons": ["stop"],
        "openai.response.service_tier": "default",
        "arc.response.stop_reason": "completed",
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 7,
        "gen_ai.usage.cache_read.input_tokens": 8,
        "gen_ai.usage.cache_write.input_tokens": 1,
        "gen_ai.usage.reasoning.output_tokens": 6,
    }
    assert reading.content["gen_ai.output.messages"] == [
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "Hm."},
                {"type": "reasoning", "content": "Well."},
                {"type": "text", "content": "Hello"},
            ],
            "finish_reason": "stop",
        }
    ]


@pytest.mark.parametrize(
    ("fields", "reasons", "stop_reason"),
    [
        ({"output": [MESSAGE, FUNCTION_CALL]}, ["tool_calls"], "completed"),
        (
            {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
            ["length"],
            "max_output_tokens",
        ),
        (
            {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
            ["content_filter"],
            "content_filter",
        ),
        ({"status": "failed"}, ["error"], "failed"),
        ({"status": "cancelled"}, ["error"], "cancelled"),
        ({"status": "in_progress"}, None, "in_progress"),
    ],
)
def test_a_status_becomes_a_finish_reason(
    fields: Dict[str, Any], reasons: Any, stop_reason: str
) -> None:
    """The convention's word, and beside it what the provider said."""
    attributes = READER.reply(response(**fields)).attributes
    assert attributes.get("gen_ai.response.finish_reasons") == reasons
    assert attributes["arc.response.stop_reason"] == stop_reason


def test_a_failed_response_is_an_error_of_its_code() -> None:
    """The SDK raises nothing for it: the failure is in the reply alone."""
    error = {"code": "server_error", "message": "Sorry."}
    attributes = READER.reply(response(status="failed", error=error, output=[])).attributes
    assert attributes["error.type"] == "server_error"
    assert attributes["arc.error.code"] == "server_error"
    assert attributes["arc.error.message"] == "Sorry."


def events(*items: Dict[str, Any]) -> List[Dict[str, Any]]:
    return [{"type": f"response.{item.pop('kind')}", **item} for item in map(dict, items)]


STREAM = events(
    {"kind": "created", "response": {"id": "resp_1", "model": "m", "status": "in_progress"}},
    {
        "kind": "output_item.added",
        "output_index": 0,
        "item": {"type": "reasoning", "id": "rs", "summary": []},
    },
    {
        "kind": "reasoning_summary_text.delta",
        "output_index": 0,
        "summary_index": 0,
        "delta": "Hm",
    },
    {
        "kind": "reasoning_summary_text.delta",
        "output_index": 0,
        "summary_index": 0,
        "delta": "m.",
    },
    {
        "kind": "output_item.added",
        "output_index": 1,
        "item": {"type": "message", "id": "m1", "role": "assistant", "content": []},
    },
    {"kind": "output_text.delta", "output_index": 1, "content_index": 0, "delta": "He"},
    {"kind": "output_item.done", "output_index": 1, "item": MESSAGE},
    {
        "kind": "output_item.added",
        "output_index": 2,
        "item": {**FUNCTION_CALL, "arguments": ""},
    },
    {"kind": "function_call_arguments.delta", "output_index": 2, "delta": '{"city": "O'},
    {"kind": "function_call_arguments.delta", "output_index": 2, "delta": 'slo"}'},
)


@pytest.mark.parametrize("cut", range(len(STREAM)))
def test_an_unfinished_stream_reads_as_far_as_it_came(cut: int) -> None:
    """An item that is done speaks for itself, others are put together from their pieces."""
    reading = READER.reply(READER.chunks(STREAM[cut:], READER.chunks(STREAM[:cut])))
    assert reading.attributes == {
        "gen_ai.response.id": "resp_1",
        "gen_ai.response.model": "m",
        "arc.response.stop_reason": "in_progress",
    }
    assert reading.content["gen_ai.output.messages"] == [
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "Hmm."},
                {"type": "text", "content": "Hello"},
                {
                    "type": "tool_call",
                    "id": "call_1",
                    "name": "weather",
                    "arguments": {"city": "Oslo"},
                },
            ],
        }
    ]


@pytest.mark.parametrize("kind", ["completed", "incomplete", "failed"])
def test_the_last_event_holds_the_whole_response(kind: str) -> None:
    """What the provider sums up goes before what the pieces would give."""
    whole = response(status=kind, usage={"input_tokens": 1, "output_tokens": 2})
    last = {"type": f"response.{kind}", "response": whole}
    assert READER.reply(READER.chunks([*STREAM, last])) == READER.reply(whole)


def test_an_error_event_makes_the_stream_a_failure() -> None:
    """A server may break off a stream with an event instead of a status."""
    error = {"type": "error", "code": "rate_limit_exceeded", "message": "Slow down.", "param": "x"}
    attributes = READER.reply(READER.chunks([*STREAM, error])).attributes
    assert attributes["error.type"] == "rate_limit_exceeded"
    assert attributes["arc.error.param"] == "x"
    assert attributes["gen_ai.response.finish_reasons"] == ["error"]


def test_a_stream_without_events_reads_as_nothing() -> None:
    """The connection may end before the first event."""
    reading = READER.reply(READER.chunks([]))
    assert (reading.attributes, reading.content) == ({}, {})
