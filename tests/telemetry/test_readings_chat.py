"""Readings of chat completions: what telemetry learns from requests, replies and streams."""

from __future__ import annotations

from typing import Any, Dict, List

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from runtime.providers._openai_chat import ChatReader

READER = ChatReader()
CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city": "Oslo"}'},
}


@pytest.mark.parametrize(
    ("body", "name", "value"),
    [
        ({"model": "gpt-4.1"}, "gen_ai.request.model", "gpt-4.1"),
        ({"temperature": 1}, "gen_ai.request.temperature", 1.0),
        ({"top_p": 0.5}, "gen_ai.request.top_p", 0.5),
        ({"frequency_penalty": 0.1}, "gen_ai.request.frequency_penalty", 0.1),
        ({"presence_penalty": -1}, "gen_ai.request.presence_penalty", -1.0),
        ({"seed": 7}, "gen_ai.request.seed", 7),
        ({"max_tokens": 10}, "gen_ai.request.max_tokens", 10),
        ({"max_tokens": 10, "max_completion_tokens": 20}, "gen_ai.request.max_tokens", 20),
        ({"stop": "END"}, "gen_ai.request.stop_sequences", ["END"]),
        ({"stop": ["a", "b"]}, "gen_ai.request.stop_sequences", ["a", "b"]),
        ({"n": 3}, "gen_ai.request.choice.count", 3),
        ({"n": 1}, "gen_ai.request.choice.count", None),
        ({"response_format": {"type": "json_object"}}, "gen_ai.output.type", "json"),
        ({"response_format": {"type": "json_schema"}}, "gen_ai.output.type", "json"),
        ({"response_format": {"type": "text"}}, "gen_ai.output.type", "text"),
        ({"reasoning_effort": "low"}, "gen_ai.request.reasoning.level", "low"),
        ({"service_tier": "flex"}, "openai.request.service_tier", "flex"),
        ({"service_tier": "auto"}, "openai.request.service_tier", None),
        ({}, "openai.api.type", "chat_completions"),
        ({"temperature": "hot"}, "gen_ai.request.temperature", None),
        ({"temperature": float("nan")}, "gen_ai.request.temperature", None),
        ({"seed": True}, "gen_ai.request.seed", None),
        ({"seed": 2**63}, "gen_ai.request.seed", None),
        ({"stop": [1, "a"]}, "gen_ai.request.stop_sequences", ["a"]),
        ({"model": ["gpt-4.1"]}, "gen_ai.request.model", None),
    ],
)
def test_parameters_become_attributes(body: Dict[str, Any], name: str, value: Any) -> None:
    """Each parameter of the convention's table is read; a usual or wrong value is left out."""
    assert READER.request(body).attributes.get(name) == value


def test_a_conversation_becomes_messages_of_parts() -> None:
    """Roles stay, content becomes parts, and a tool's message answers its call."""
    messages: List[Any] = [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "name": "ann",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
                {"type": "input_audio", "input_audio": {"data": "BBBB", "format": "wav"}},
                {"type": "file", "file": {"file_id": "file-1"}},
            ],
        },
        {"role": "assistant", "content": None, "refusal": "No.", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
    ]
    assert READER.request({"messages": messages}).content["gen_ai.input.messages"] == [
        {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
        {
            "role": "user",
            "name": "ann",
            "parts": [
                {"type": "text", "content": "What is this?"},
                {
                    "type": "blob",
                    "modality": "image",
                    "mime_type": "image/png",
                    "content": "AAAA",
                },
                {"type": "uri", "modality": "image", "uri": "https://example.com/a.png"},
                {
                    "type": "blob",
                    "modality": "audio",
                    "mime_type": "audio/wav",
                    "content": "BBBB",
                },
                {"type": "file", "modality": "document", "file_id": "file-1"},
            ],
        },
        {
            "role": "assistant",
            "parts": [
                {"type": "text", "content": "No.", "refusal": True},
                {
                    "type": "tool_call",
                    "id": "call_1",
                    "name": "weather",
                    "arguments": {"city": "Oslo"},
                },
            ],
        },
        {
            "role": "tool",
            "parts": [{"type": "tool_call_response", "id": "call_1", "response": "rain"}],
        },
    ]


def test_a_message_object_of_the_sdk_reads_like_its_mapping() -> None:
    """Applications put the reply's message back into the history as it is."""
    message = completion(message={"role": "assistant", "content": "Hi"}).choices[0].message
    assert READER.request({"messages": [message]}).content["gen_ai.input.messages"] == [
        {"role": "assistant", "parts": [{"type": "text", "content": "Hi"}]}
    ]


def test_tools_are_defined_by_name_description_and_parameters() -> None:
    """Functions, custom tools and the older `functions` are all tools."""
    body = {
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "f",
                    "description": "does",
                    "parameters": {"type": "object"},
                    "strict": True,
                },
            },
            {"type": "custom", "custom": {"name": "c"}},
        ],
        "functions": [{"name": "old", "parameters": {}}],
    }
    assert READER.request(body).content["gen_ai.tool.definitions"] == [
        {
            "type": "function",
            "name": "f",
            "description": "does",
            "parameters": {"type": "object"},
        },
        {"type": "custom", "name": "c"},
        {"type": "function", "name": "old", "parameters": {}},
    ]


def completion(**choice: Any) -> Any:
    return ChatCompletion.construct(
        id="chatcmpl-1",
        object="chat.completion",
        created=1,
        model="gpt-4.1-2025-04-14",
        service_tier="default",
        system_fingerprint="fp_1",
        choices=[{"index": 0, "finish_reason": "stop", **choice}],
        usage={
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "total_tokens": 15,
            "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 2, "audio_tokens": 1},
        },
    )


def test_a_reply_tells_identity_tokens_and_finish_reasons() -> None:
    """Subset counters of zero are left out: they would only say that nothing was used."""
    reading = READER.reply(completion(message={"role": "assistant", "content": "Hi"}))
    assert reading.attributes == {
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.model": "gpt-4.1-2025-04-14",
        "gen_ai.response.finish_reasons": ["stop"],
        "openai.response.service_tier": "default",
        "openai.response.system_fingerprint": "fp_1",
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.usage.cache_read.input_tokens": 4,
        "gen_ai.usage.reasoning.output_tokens": 2,
        "gen_ai.usage.audio.output_tokens": 1,
    }


def test_a_parsed_body_reads_like_the_sdks_object() -> None:
    """Raw responses come as the mapping that their body holds."""
    reply = {"id": "a", "choices": [{"message": {"content": "Hi"}, "finish_reason": "length"}]}
    assert READER.reply(reply).attributes == {
        "gen_ai.response.id": "a",
        "gen_ai.response.finish_reasons": ["length"],
    }


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_a_reasoning_trace_is_a_part_before_the_answer(name: str) -> None:
    """Servers of open models send what the model thought under either name."""
    reply = completion(message={"role": "assistant", name: "Hm.", "content": "42"})
    assert READER.reply(reply).content["gen_ai.output.messages"][0]["parts"] == [
        {"type": "reasoning", "content": "Hm."},
        {"type": "text", "content": "42"},
    ]


def test_arguments_that_are_not_json_stay_as_the_model_wrote_them() -> None:
    """Broken arguments are a failure that somebody will want to see."""
    call = {"id": "c", "function": {"name": "f", "arguments": '{"a": '}}
    reply = completion(message={"role": "assistant", "tool_calls": [call]})
    parts = READER.reply(reply).content["gen_ai.output.messages"][0]["parts"]
    assert parts == [{"type": "tool_call", "id": "c", "name": "f", "arguments": '{"a": '}]


def chunk(*choices: Any, **fields: Any) -> Any:
    return ChatCompletionChunk.construct(
        **{"id": "c1", "model": "m", "choices": list(choices), **fields}
    )


def delta(index: int = 0, finish_reason: Any = None, **fields: Any) -> Dict[str, Any]:
    return {"index": index, "delta": fields, "finish_reason": finish_reason}


STREAM = [
    chunk(delta(role="assistant", content="")),
    chunk(delta(content="He"), delta(1, reasoning_content="Hm")),
    chunk(delta(content="llo"), delta(1, reasoning_content="m.")),
    chunk(
        delta(
            1,
            tool_calls=[
                {"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"x"'}},
                {"index": 1, "id": "b", "function": {"name": "g", "arguments": ""}},
            ],
        )
    ),
    chunk(delta(1, tool_calls=[{"index": 0, "function": {"arguments": ": 1}"}}])),
    chunk(delta(finish_reason="stop"), delta(1, finish_reason="tool_calls")),
    chunk(usage={"prompt_tokens": 3, "completion_tokens": 9}),
]


@pytest.mark.parametrize("cut", range(len(STREAM)))
def test_a_stream_folds_into_one_completion_wherever_it_is_sliced(cut: int) -> None:
    """Text, reasoning and tool calls come together per choice; usage is in the last chunk."""
    folded = READER.chunks(STREAM[cut:], READER.chunks(STREAM[:cut]))
    reading = READER.reply(folded)
    assert reading.attributes == {
        "gen_ai.response.id": "c1",
        "gen_ai.response.model": "m",
        "gen_ai.response.finish_reasons": ["stop", "tool_calls"],
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.usage.output_tokens": 9,
    }
    assert reading.content["gen_ai.output.messages"] == [
        {
            "role": "assistant",
            "parts": [{"type": "text", "content": "Hello"}],
            "finish_reason": "stop",
        },
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "Hmm."},
                {"type": "tool_call", "id": "a", "name": "f", "arguments": {"x": 1}},
                {"type": "tool_call", "id": "b", "name": "g", "arguments": ""},
            ],
            "finish_reason": "tool_calls",
        },
    ]


def test_a_stream_that_broke_off_reads_as_far_as_it_came() -> None:
    """A choice without a finish reason ended in an error, its text so far is kept."""
    reading = READER.reply(READER.chunks(STREAM[:2]))
    assert reading.attributes["gen_ai.response.finish_reasons"] == ["error", "error"]
    assert reading.content["gen_ai.output.messages"][0]["parts"][0]["content"] == "He"


def test_a_stream_without_chunks_reads_as_nothing() -> None:
    """The connection may end before the first chunk."""
    reading = READER.reply(READER.chunks([]))
    assert (reading.attributes, reading.content) == ({}, {})


def test_calls_that_a_server_does_not_number_stay_apart() -> None:
    """Some servers send each tool call whole in one chunk, without an index."""
    calls = [{"id": name, "function": {"name": name, "arguments": "{}"}} for name in "ab"]
    folded = READER.chunks([chunk(delta(tool_calls=[call])) for call in calls])
    parts = READER.reply(folded).content["gen_ai.output.messages"][0]["parts"]
    assert [part["name"] for part in parts] == ["a", "b"]


def test_the_older_function_call_folds_too() -> None:
    """Some servers still stream `function_call`."""
    folded = READER.chunks(
        [
            chunk(delta(function_call={"name": "f", "arguments": '{"a"'})),
            chunk(delta(function_call={"arguments": ": 2}"})),
        ]
    )
    parts = READER.reply(folded).content["gen_ai.output.messages"][0]["parts"]
    assert parts == [{"type": "tool_call", "name": "f", "arguments": {"a": 2}}]
