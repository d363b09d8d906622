"""Spans that other instrumentations have emitted; see recorded/README.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.collector.otlp_spans import foreign_span, read, record, records, request

RECORDED = Path(__file__).parent / "recorded"
ALL = ["genai", "genai_older", "openinference", "openllmetry"]
NO_CONTENT = {"genai_older"}
"""Sends messages as log records, not on spans."""


def recorded(name: str) -> list[dict[str, Any]]:
    """Return the calls of a recording; the application's own span is no call."""
    reading = read((RECORDED / f"{name}.otlp").read_bytes())
    assert reading.ignored == 1
    assert not reading.rejected
    return records(reading)


@pytest.mark.parametrize("name", ALL)
def test_a_chat_call_fills_the_same_columns_whoever_reports_it(name: str) -> None:
    call = recorded(name)[0]
    expected = {
        "service": f"recorded-{name}", "provider": "openai", "operation": "chat",
        "request_model": "gpt-4.1", "response_model": "gpt-4.1-2025-04-14", "failed": False,
        "temperature": 0.95, "top_p": 0.5, "max_tokens": 100, "frequency_penalty": 0.25,
        "presence_penalty": -0.5, "input_tokens": 24, "output_tokens": 8,
        "finish_reasons": ["stop"],
    }  # fmt: skip
    assert {column: call[column] for column in expected} == expected
    assert call["duration_ms"] > 0
    assert len(call["parent_span_id"]) == 16


@pytest.mark.parametrize("name", ALL)
def test_the_body_holds_what_was_said_and_the_attributes_do_not(name: str) -> None:
    call = recorded(name)[0]
    assert ("poem about Python" in call["body"]) is (name not in NO_CONTENT)
    assert "poem about Python" not in call["attributes"]
    json.loads(call["attributes"])
    json.loads(call["body"] or "{}")


@pytest.mark.parametrize("name", ALL)
def test_a_failed_call_says_what_went_wrong(name: str) -> None:
    call = recorded(name)[2]
    assert call["failed"]
    assert call["request_model"] == "gpt-4.1"
    assert call["response_model"] == ""
    assert call["error_type"].endswith("BadRequestError")
    assert "Invalid 'messages': empty array" in call["error_message"]


@pytest.mark.parametrize("name", ALL)
def test_embeddings_are_told_from_chat(name: str) -> None:
    call = recorded(name)[3]
    assert call["operation"] == "embeddings"
    assert call["request_model"] == "text-embedding-3-small"
    assert call["input_tokens"] == 2


@pytest.mark.parametrize("name", ["genai", "openinference", "openllmetry"])
def test_streams_and_reasoning_are_read(name: str) -> None:
    stream, reasoning = recorded(name)[1], recorded(name)[4]
    assert stream["stream"] is True
    assert 0 < stream["first_chunk_ms"] <= stream["duration_ms"]
    assert reasoning["reasoning_tokens"] == 64
    assert reasoning["max_tokens"] == 200


def test_names_of_earlier_conventions_are_understood() -> None:
    older = {
        "gen_ai.system": "OpenAI",
        "llm.request.type": "completion",
        "gen_ai.request.model": "davinci",
        "gen_ai.usage.prompt_tokens": 3,
        "gen_ai.usage.completion_tokens": 0,
        "gen_ai.usage.cache_creation.input_tokens": 2,
        "gen_ai.prompt.0.content": "secret question",
        "gen_ai.completion.0.content": "secret answer",
        "gen_ai.completion.0.finish_reason": "length",
        "traceloop.association.properties.session_id": "s1",
    }
    call = record(foreign_span(older))
    expected = {
        "provider": "openai", "operation": "text_completion", "input_tokens": 3,
        "output_tokens": 0, "session": "s1",
    }  # fmt: skip
    assert {column: call[column] for column in expected} == expected
    assert json.loads(call["attributes"])["gen_ai.usage.cache_write.input_tokens"] == 2
    assert "secret" not in call["attributes"]
    assert call["body"].count("secret") == 2


def test_a_present_name_goes_before_an_older_one_in_any_order() -> None:
    both = {
        "gen_ai.system": "older", "gen_ai.provider.name": "openai", "llm.system": "oldest",
        "gen_ai.usage.prompt_tokens": 1, "gen_ai.usage.input_tokens": 0,
        "gen_ai.request.model": "m",
    }  # fmt: skip
    for order in (both, dict(reversed(both.items()))):
        call = record(foreign_span(order))
        assert (call["provider"], call["input_tokens"]) == ("openai", 0)
        assert json.loads(call["attributes"])["gen_ai.usage.prompt_tokens"] == 1


@pytest.mark.parametrize(
    "attributes",
    [
        {"openinference.span.kind": "CHAIN", "input.value": "x"},
        {"openinference.span.kind": "TOOL", "llm.model_name": "m"},
        {"traceloop.span.kind": "workflow", "traceloop.entity.name": "x"},
        {"gen_ai.operation.name": "invoke_agent", "gen_ai.request.model": "m"},
        {"mcp.method.name": "tools/list"},
        {},
    ],
)
def test_spans_around_calls_are_no_calls(attributes: dict[str, Any]) -> None:
    reading = read(request(foreign_span(attributes)))
    assert (reading.ignored, reading.rows, reading.rejected.total()) == (1, [], 0)


TOOL = {"type": "function", "name": "weather", "parameters": {"required": ["city"]}}
CALL = {"type": "tool_call", "name": "weather", "arguments": "{}"}


@pytest.mark.parametrize(
    ("parts", "more", "expected"),
    [
        ([{"type": "text", "content": "hello"}], {}, []),
        ([{"type": "text", "content": "hel"}], {"gen_ai.response.finish_reasons": ["length"]},
         ["truncated"]),
        ([], {}, ["empty_output"]),
        ([CALL], {"gen_ai.tool.definitions": json.dumps([TOOL])}, ["invalid_tool_arguments"]),
        ([CALL], {}, []),
        (None, {}, []),
        (None, {"gen_ai.response.finish_reasons": ["content_filter"]}, ["content_filter"]),
    ],
)  # fmt: skip
def test_replies_that_others_report_are_looked_at(
    parts: Any, more: dict[str, Any], expected: list[str]
) -> None:
    sent = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "m",
        "gen_ai.response.finish_reasons": ["stop"],
    }
    if parts is not None:
        sent["gen_ai.output.messages"] = json.dumps([{"role": "assistant", "parts": parts}])
        sent["gen_ai.input.messages"] = "[]"
    call = record(foreign_span({**sent, **more}))
    assert call["failure_kinds"] == expected
    assert bool(call["failure_signature"]) is bool(expected)


@pytest.mark.parametrize("name", ALL)
def test_good_replies_of_recordings_are_no_failures(name: str) -> None:
    found = [(call["failed"], call["failure_kinds"]) for call in recorded(name)]
    assert all(kinds == [] for failed, kinds in found)
    assert [bool(call["failure_signature"]) for call in recorded(name)] == [f for f, _ in found]


@pytest.mark.parametrize("sent", ["[", "5", "text", '[{"parts": 5}]', [1], {"a": 1}])
def test_content_that_makes_no_sense_is_no_failure(sent: Any) -> None:
    names = ("gen_ai.output.messages", "gen_ai.input.messages", "gen_ai.tool.definitions")
    call = record(foreign_span({"gen_ai.request.model": "m", **dict.fromkeys(names, sent)}))
    assert call["failure_kinds"] == []


@pytest.mark.parametrize(
    "parameters",
    ["{", "[]", '"x"', '{"temperature": "hot", "n": true, "seed": 1e300, "model": 5}',
     '{"max_tokens": 99999999999999999999, "stream": 1}'],
)  # fmt: skip
def test_parameters_that_make_no_sense_are_left_alone(parameters: str) -> None:
    named = {"openinference.span.kind": "LLM", "llm.model_name": "m"}
    call = record(foreign_span({**named, "llm.invocation_parameters": parameters}))
    for column in ("temperature", "choice_count", "seed", "max_tokens"):
        assert call[column] is None
    assert call["request_model"] == "m"
    assert call["stream"] is False
    assert json.loads(call["attributes"])["llm.invocation_parameters"] == parameters
