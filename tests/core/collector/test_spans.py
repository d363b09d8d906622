"""Spans of Arc Runtime and of the present conventions become call records."""

from __future__ import annotations

import json
import math
import tracemalloc
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from arc_core.model.columns import LATEST_TIME
from arc_protocol import semconv
from core.collector.otlp_spans import (
    RECEIVED_AT,
    STARTED_NS,
    attribute,
    foreign_span,
    read,
    record,
    records,
    request,
    span,
)
from runtime._calls import CallError
from runtime._telemetry import resource, spans
from runtime._telemetry.description import describe
from telemetry.calls import finished_call, in_session


def from_runtime(**fields: Any) -> dict[str, Any]:
    """Return the record of a call that Arc Runtime itself has encoded."""
    fix = {"name": "cool", "pattern": {"temperature": {">": 1}}, "fix": {"temperature": 0.7}}
    described = describe(finished_call(fix, context=in_session("run-7"), **fields))
    sent = request(spans.encode(described, capture_content=True))
    sent.resource_spans[0].resource.CopyFrom(resource.resource("shop", {}))
    (found,) = records(read(sent))
    return found


def test_a_call_of_the_runtime_fills_its_columns() -> None:
    found = from_runtime(first_chunk_s=0.125, stream=True)
    expected = {
        "project": "default", "received_at": RECEIVED_AT, "start_time": 1_700_000_000_000_000,
        "duration_ms": 250.0, "first_chunk_ms": 125.0, "overhead_us": 2.0, "session": "run-7",
        "service": "shop", "provider": "openai", "operation": "chat", "api": "chat_completions",
        "request_model": "gpt-4.1", "response_model": "gpt-4.1-2025-04-14",
        "response_id": "chatcmpl-1", "stream": True, "temperature": 0.7, "top_p": None,
        "failed": False, "finish_reasons": ["stop"], "input_tokens": 10, "output_tokens": 5,
        "pattern_ids": ["cool"], "pattern_revisions": [3], "fix_outcome": "applied",
        "fix_fields": ["temperature"], "parent_span_id": "",
    }  # fmt: skip
    assert {name: found[name] for name in expected} == expected
    assert len(found["trace_id"]) == 32
    assert len(found["span_id"]) == 16
    assert found["runtime_id"]
    assert found["runtime_version"]
    assert found["patterns_revision"]
    assert json.loads(found["fix_diff"])[0]["path"] == "/temperature"


def test_what_has_no_column_is_kept_and_what_was_said_goes_to_the_body() -> None:
    found = from_runtime()
    attributes = json.loads(found["attributes"])
    assert attributes["server.address"] == "api.openai.com"
    assert attributes["server.port"] == 443
    assert attributes["telemetry.sdk.name"] == "arc"
    assert "span.name" not in attributes
    body = json.loads(found["body"])
    assert body["gen_ai.input.messages"][0]["parts"][0]["content"] == "Tell me a secret"
    assert not {*attributes} & {*body}


def test_every_attribute_of_a_failed_call_of_the_runtime_has_its_column() -> None:
    error = CallError(
        type="openai.BadRequestError",
        message="Unsupported value",
        status=400,
        code="unsupported_value",
        param="temperature",
    )
    found = from_runtime(error=error, reply=None)
    expected = {
        "failed": True, "error_type": "openai.BadRequestError", "status_code": 400,
        "error_code": "unsupported_value", "error_param": "temperature",
        "error_message": "Unsupported value", "response_model": "", "input_tokens": None,
    }  # fmt: skip
    assert {name: found[name] for name in expected} == expected


HEALED = {
    semconv.ARC_HEAL_OUTCOME: "healed",
    semconv.ARC_HEAL_FIX: '{"temperature": null}',
    semconv.ARC_HEAL_ERROR_TYPE: "openai.BadRequestError",
    semconv.ARC_HEAL_ERROR_STATUS_CODE: 400,
    semconv.ARC_HEAL_ERROR_CODE: "bad",
    semconv.ARC_HEAL_ERROR_PARAM: "temperature",
    semconv.ARC_HEAL_ERROR_MESSAGE: "'temperature' does not support 0.2",
}


def test_a_healed_call_is_of_the_failure_that_its_first_attempt_had() -> None:
    """Its application saw no error, but the next call will have the same."""
    found = record(span(attributes=HEALED))
    expected = {
        "failed": False, "heal_outcome": "healed", "error_type": "openai.BadRequestError",
        "status_code": 400, "error_code": "bad", "error_param": "temperature",
        "error_message": "'temperature' does not support 0.2",
        "error_template": "'temperature' does not support <n>",
    }  # fmt: skip
    assert {name: found[name] for name in expected} == expected
    assert not any("heal.error" in name for name in json.loads(found["attributes"]))
    error = CallError(
        "openai.BadRequestError", "'temperature' does not support 2", 400, "bad", "temperature"
    )
    unhealed = from_runtime(error=error, reply=None)
    assert found["failure_signature"] == unhealed["failure_signature"] != ""


def test_a_stream_that_breaks_after_it_was_healed_has_failed_as_it_broke() -> None:
    broken = {**HEALED, semconv.ERROR_TYPE: "httpx.ReadError"}
    found = record(
        span(attributes=broken, status=Status(code=Status.STATUS_CODE_ERROR, message="broken"))
    )
    assert (found["failed"], found["error_type"]) == (True, "httpx.ReadError")
    assert (found["error_message"], found["status_code"]) == ("broken", None)


@pytest.mark.parametrize("name", [name for name in HEALED if "error" in name])
def test_what_a_healed_call_says_wrongly_stays_among_the_rest(name: str) -> None:
    """A text for a number, or the other way round, costs nothing but the field."""
    wrong: Any = "four hundred" if name == semconv.ARC_HEAL_ERROR_STATUS_CODE else 4
    found = record(span(attributes={**HEALED, name: wrong}))
    assert json.loads(found["attributes"])[name] == wrong
    assert found["failure_signature"]


def test_what_learning_needs_fills_its_columns() -> None:
    rollout = {
        semconv.ARC_FAILURE_KINDS: ["truncated"],
        semconv.ARC_ROLLOUT_ID: "learned-1@2",
        semconv.ARC_ROLLOUT_STAGE: "canary",
        semconv.ARC_ROLLOUT_ARM: "control",
        semconv.ARC_ROLLOUT_PROBABILITY: 0.25,
    }
    found = record(span(attributes=rollout))
    expected = {
        "failure_kinds": ["truncated"], "rollout_id": "learned-1@2", "rollout_stage": "canary",
        "rollout_arm": "control", "rollout_probability": 0.25, "request": "",
    }  # fmt: skip
    assert {name: found[name] for name in expected} == expected


def test_a_failure_gets_a_signature_and_a_template() -> None:
    def refused(value: str) -> dict[str, Any]:
        error = CallError(
            "openai.BadRequestError", f"'temperature' does not support {value}", 400, "bad"
        )
        return from_runtime(error=error, reply=None)

    one, other = refused("0.2"), refused("0.95")
    assert one["failure_signature"] == other["failure_signature"] != ""
    assert one["error_template"] == "'temperature' does not support <n>"
    truncated = record(span(attributes={semconv.ARC_FAILURE_KINDS: ["truncated"]}))
    assert truncated["failure_signature"] not in ("", one["failure_signature"])
    assert not truncated["failed"]
    assert (from_runtime()["failure_signature"], from_runtime()["error_template"]) == ("", "")


def test_the_request_without_its_words_has_a_column() -> None:
    found = from_runtime()
    request = json.loads(found["request"])
    assert (request["model"], request["temperature"]) == ("gpt-4.1", 1.2)
    assert "secret" not in found["request"]
    assert semconv.ARC_REQUEST not in found["attributes"]


def test_spans_that_are_no_calls_are_ignored_and_not_rejected() -> None:
    agent = span(attributes={"gen_ai.operation.name": "invoke_agent"})
    tool = foreign_span({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"})
    web = foreign_span({"http.request.method": "GET"}, trace_id=b"whatever")
    reading = read(request(agent, tool, web, span()))
    assert (len(reading.rows), reading.ignored, reading.rejected.total()) == (1, 3, 0)


def test_fetched_response_that_failed_is_no_second_failure() -> None:
    """The call that generated it has been told of; a fetch that fails itself is no call either."""
    told = {"gen_ai.operation.name": "fetch_response", "gen_ai.response.id": "resp_1"}
    failed = span(attributes={**told, "gen_ai.response.finish_reasons": ["error"]})
    raised = Span.Event(name="exception", attributes=[attribute("exception.type", "NotFound")])
    missing = span(attributes={**told, "error.type": "NotFound"}, events=[raised])
    reading = read(request(failed, missing, span()))
    assert (len(reading.rows), reading.ignored, reading.rejected.total()) == (1, 2, 0)


@pytest.mark.parametrize(
    ("bad", "reason", "sentence"),
    [
        (span(trace_id=b"\1" * 4), "ids", "its trace id must be 16 bytes, not 4"),
        (span(trace_id=bytes(16)), "ids", "its trace id must be 16 bytes, not all zero"),
        (span(span_id=b""), "ids", "its span id must be 8 bytes, not 0"),
        (span(parent_span_id=b"\1" * 9), "ids", "its parent's id must be 8 bytes, not 9"),
        (span(start_time_unix_nano=0), "times", "not before 2105"),
        (span(start_time_unix_nano=LATEST_TIME * 1000), "times", "not before 2105"),
        (span(end_time_unix_nano=0), "times", "but ends at 0"),
        (span(end_time_unix_nano=2**64 - 1), "times", "but ends at 18446744073709551615"),
        (span(attributes={semconv.REQUEST_TEMPERATURE: math.nan}), "number", "temperature is nan"),
        (span(attributes={semconv.REQUEST_TOP_P: math.inf}), "number", "top_p is inf"),
        (span(attributes={semconv.REQUEST_MODEL: "m" * 1025}), "size", "has 1025 characters"),
        (span(attributes={"x": "x" * (4 * 1024 * 1024)}), "size", "at most 4194304 are taken"),
    ],
)
def test_a_bad_span_is_rejected_alone_and_says_why(bad: Span, reason: str, sentence: str) -> None:
    reading = read(request(span(1), bad, span(3)))
    assert [found["span_id"][-1] for found in records(reading)] == ["1", "3"]
    assert reading.rejected == {reason: 1}
    assert reading.sentences[0].startswith("span 2: ")
    assert sentence in reading.sentences[0]


def spoilt(sent: bytes, text: bytes) -> bytes:
    """Make a text that is in a message not UTF-8."""
    assert text in sent
    return sent.replace(text, b"\xff" + text[1:])


@pytest.mark.parametrize(
    "bad",
    [
        span(attributes={"note": "SPOILT"}),
        span(attributes={"gen_ai.input.messages": "SPOILT" + "x" * 500}),
        span(attributes={"gen_ai.input.messages": '["' + "x" * 500 + 'SPOILT"]'}),
        span(name="SPOILT"),
        span(status=Status(code=Status.STATUS_CODE_ERROR, message="SPOILT")),
        span(events=[Span.Event(name="SPOILT")]),
    ],
)
def test_text_that_is_no_utf8_spoils_its_own_span_alone(bad: Span) -> None:
    """The official classes would refuse the whole request."""
    reading = read(spoilt(request(span(1), bad, span(3)).SerializeToString(), b"SPOILT"))
    assert [found["span_id"][-1] for found in records(reading)] == ["1", "3"]
    assert reading.rejected == {"encoding": 1}


def test_a_value_that_is_nested_too_deeply_spoils_its_own_span_alone() -> None:
    """As many levels as none of the decoders below would survive."""
    nested = attribute("deep", "x")
    value = nested.value.SerializeToString()
    for _ in range(2000):  # AnyValue{array_value: ArrayValue{values: [...]}}, by hand
        value = wrapped(5, wrapped(1, value))
    deep = span(2).SerializeToString() + wrapped(9, wrapped(1, b"deep") + wrapped(2, value))
    sent = request(span(1)).SerializeToString()
    sent += wrapped(1, wrapped(2, wrapped(2, deep)))
    reading = read(sent)
    assert len(reading.rows) == 1
    assert reading.rejected == {"encoding": 1}


def test_a_span_that_is_no_protobuf_spoils_no_other() -> None:
    sent = request(span(1)).SerializeToString()
    sent += wrapped(
        1, wrapped(2, wrapped(2, b"\x0a\x7f") + wrapped(2, span(2).SerializeToString()))
    )
    reading = read(sent)
    assert [found["span_id"][-1] for found in records(reading)] == ["1", "2"]
    assert reading.rejected == {"encoding": 1}
    assert reading.sentences == ["span 2: it is no OTLP"]


def wrapped(number: int, content: bytes) -> bytes:
    """Return content as a field of a protobuf message."""
    size, encoded = len(content), bytearray([number << 3 | 2])
    while size > 0x7F:
        encoded.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([*encoded, size]) + content


def test_a_resource_that_cannot_be_read_rejects_its_spans_and_no_others() -> None:
    bad = spoilt(request(span(1), span(2), resource={"x": "SPOILT"}).SerializeToString(), b"SPOILT")
    reading = read(bad + request(span(3)).SerializeToString())
    assert len(reading.rows) == 1
    assert reading.rejected == {"encoding": 2}


def test_a_clock_that_is_wrong_does_not_lose_a_call() -> None:
    """A start far from now is kept beside the time of arrival."""
    for start_ns in (1_000_000_000, STARTED_NS + 10 * 365 * 86400 * 10**9):
        found = record(span(start_time_unix_nano=start_ns, end_time_unix_nano=start_ns + 1))
        assert found["start_time"] == start_ns // 1000
        assert found["received_at"] == RECEIVED_AT


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (semconv.REQUEST_TEMPERATURE, "hot"),
        (semconv.REQUEST_MAX_TOKENS, 1.5),
        (semconv.USAGE_INPUT_TOKENS, -1),
        (semconv.RESPONSE_FINISH_REASONS, 7),
        (semconv.ARC_PATTERN_REVISIONS, ["a"]),
        (semconv.REQUEST_STREAM, "yes"),
    ],
)
def test_a_value_of_another_type_is_kept_beside_the_columns(name: str, value: Any) -> None:
    assert json.loads(record(span(attributes={name: value}))["attributes"])[name] == value


def test_numbers_may_come_as_integers_and_integers_as_numbers() -> None:
    found = record(span(attributes={"gen_ai.request.temperature": 1, "gen_ai.request.seed": 7.0}))
    assert (found["temperature"], found["seed"]) == (1.0, 7)
    assert record(span(attributes={"gen_ai.request.temperature": 0.0}))["temperature"] == 0.0
    assert record(span(attributes={"gen_ai.usage.output_tokens": 0}))["output_tokens"] == 0


def test_every_kind_of_value_is_kept_as_json() -> None:
    values = {"a": ["x", 1, True, 1.5], "b": {"c": ["d"]}, "e": "ü\0\u2028", "f": -(2**63)}
    odd = {"g": b"\xff\x00", "h": math.nan, "i": [math.inf]}
    attributes = json.loads(record(span(attributes={**values, **odd}))["attributes"])
    assert {name: attributes[name] for name in values} == values
    assert [attributes[name] for name in odd] == ["/wA=", "nan", ["inf"]]


def test_a_span_says_more_than_its_resource() -> None:
    attributes = record(span(attributes={"zone": "span"}), zone="resource")["attributes"]
    assert attributes.count("zone") == 1
    assert json.loads(attributes)["zone"] == "span"


@pytest.mark.parametrize("text", ["[1, 2", '{"a": NaN}', "plain", "[" * 5000 + "]" * 5000, ""])
@pytest.mark.parametrize("padding", ["", " " * 500])
def test_content_that_is_no_json_is_kept_as_text(text: str, padding: str) -> None:
    found = record(span(attributes={"gen_ai.input.messages": text + padding}))
    assert json.loads(found["body"])["gen_ai.input.messages"] == text + padding


@pytest.mark.parametrize("size", [1, 100, 127, 128, 250, 300, 16_383, 16_384, 70_000, 3_000_000])
def test_content_of_any_length_is_kept_whole(size: int) -> None:
    content = [{"role": "user", "parts": ["ü" * (size // 2)]}]
    text = json.dumps(content, ensure_ascii=False)
    found = record(span(attributes={"gen_ai.output.messages": text}))
    assert json.loads(found["body"])["gen_ai.output.messages"] == content


def test_content_may_be_structured() -> None:
    found = record(span(attributes={"gen_ai.input.messages": [{"role": "user"}]}))
    assert json.loads(found["body"]) == {"gen_ai.input.messages": [{"role": "user"}]}


def test_events_that_say_something_are_kept() -> None:
    told = Span.Event(name="note", attributes=[attribute("a", 1)])
    found = record(span(events=[told, Span.Event(name="silent")]))
    assert json.loads(found["body"]) == {"events": [{"name": "note", "attributes": {"a": 1}}]}


def test_a_page_as_error_message_is_cut() -> None:
    page = Status(code=Status.STATUS_CODE_ERROR, message="<html>" * 10_000)
    found = record(span(status=page))
    assert found["failed"]
    assert found["error_message"].startswith("<html>")
    assert len(found["error_message"]) == 16 * 1024 + 1


@pytest.mark.parametrize("size", [10, 1000])
def test_fields_of_later_versions_of_otlp_are_passed_over(size: int) -> None:
    """Also inside of content, which is decoded in a quicker way."""
    text = "x" * size
    plain = attribute("gen_ai.input.messages", text)
    value = wrapped(1, text.encode()) + wrapped(15, b"later")
    later = (
        wrapped(1, b"gen_ai.input.messages") + wrapped(2, value),
        plain.SerializeToString() + wrapped(15, b"later"),
        wrapped(15, b"later") + plain.SerializeToString(),
    )
    for each in later:
        sent = span().SerializeToString() + wrapped(9, each)
        (found,) = records(read(wrapped(1, wrapped(2, wrapped(2, sent)))))
        assert json.loads(found["body"]) == {"gen_ai.input.messages": text}


def test_attributes_that_never_come_again_are_not_remembered_for_ever() -> None:
    """What repeats is decoded once; of what does not, only so much is held."""

    def different(start: int) -> None:
        names = [f"name-{number}" for number in range(start, start + 20_000)]
        found = record(span(1, dict.fromkeys(names, start)))
        assert found["attributes"].count("name-") == 20_000

    tracemalloc.start()
    try:
        different(0)
        before, _ = tracemalloc.get_traced_memory()
        different(20_000)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 2_000_000
