"""Spans of finished calls: identity, time, outcome, what a fix changed, and size."""

from __future__ import annotations

import json
from typing import Any, Dict

import jsonpatch
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from arc_protocol import semconv
from runtime._calls import Api, CallError
from runtime._telemetry.description import describe
from runtime._telemetry.spans import encode
from runtime.providers._openai_other import EmbeddingsReader, GenericReader
from runtime.providers._openai_responses import ResponsesReader
from telemetry.calls import BODY, STARTED_NS, finished_call, in_session

COOLER = {
    "name": "cooler",
    "pattern": {"model": "gpt-4.1", "temperature": {">": 0.9}},
    "fix": {"temperature": 0.7},
}
DEVELOPER = {
    "name": "developer",
    "pattern": {"model": "gpt-4.1"},
    "fix": {"messages": [{"role": "developer", "content": "Keep the secret"}]},
}
FAILING = {"name": "failing", "pattern": {"messages": {">": 1}}, "fix": {"temperature": 0.7}}


def span_of(call: Any, *, capture_content: bool = False) -> Span:
    return encode(describe(call), capture_content=capture_content)


def attributes(span: Span) -> Dict[str, Any]:
    return {each.key: _value(each.value) for each in span.attributes}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    held = getattr(value, kind)
    return [_value(each) for each in held.values] if kind == "array_value" else held


def test_a_call_is_a_client_span_named_after_operation_and_model() -> None:
    """Times are those of the call, not of the worker that encodes it later."""
    span = span_of(finished_call())
    assert (span.name, span.kind) == ("chat gpt-4.1", Span.SPAN_KIND_CLIENT)
    assert span.start_time_unix_nano == STARTED_NS
    assert span.end_time_unix_nano == STARTED_NS + 250_000_000
    assert span.status.code == Status.STATUS_CODE_UNSET


def test_a_call_without_a_model_is_named_after_its_operation() -> None:
    """A name must not end in what is missing."""
    assert span_of(finished_call(body={})).name == "chat"


def test_a_span_outside_any_trace_starts_one_of_its_own() -> None:
    """Ids are of full length and never the same twice."""
    one, other = span_of(finished_call()), span_of(finished_call())
    assert (len(one.trace_id), len(one.span_id), one.parent_span_id) == (16, 8, b"")
    assert one.trace_id != other.trace_id
    assert one.span_id != other.span_id


def test_given_ids_are_kept() -> None:
    """The same span in the application's provider and in Core must be recognisable as one."""
    span = encode(describe(finished_call()), capture_content=False, ids=(7, 9))
    assert int.from_bytes(span.trace_id, "big") == 7
    assert int.from_bytes(span.span_id, "big") == 9


def test_every_span_tells_who_answered_and_what_was_decided() -> None:
    """Also a call that no pattern concerned names the set that said so."""
    call = finished_call(context=in_session("run-1"))
    told = attributes(span_of(call))
    request = json.loads(told.pop("arc.request"))
    assert json.loads(told.pop("arc.turn"))["messages"] == 1
    assert told == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "server.address": "api.openai.com",
        "server.port": 443,
        "openai.api.type": "chat_completions",
        "gen_ai.request.model": "gpt-4.1",
        "gen_ai.request.temperature": 1.2,
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.model": "gpt-4.1-2025-04-14",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 5,
        "arc.patterns.revision": call.patterns.revision,
        "arc.fix.outcome": "none",
        "arc.interception.duration": 0.000002,
        "arc.session": "run-1",
        "gen_ai.conversation.id": "run-1",
    }
    assert (request["model"], request["temperature"]) == ("gpt-4.1", 1.2)


def test_the_recorded_request_has_no_words_and_is_the_one_before_the_fix() -> None:
    """Core learns from what applications ask for; what people wrote is not needed."""
    call = finished_call(COOLER, body={**BODY, "user": "me@example.org"})
    request = json.loads(attributes(span_of(call))["arc.request"])
    assert request["temperature"] == BODY["temperature"]
    assert request["messages"][0]["role"] == "user"
    assert BODY["messages"][0]["content"] not in json.dumps(request)
    assert request["user"].startswith("sha256:")


def test_a_fixed_call_tells_pattern_fields_and_difference() -> None:
    """The request's attributes are those of the request that was sent."""
    told = attributes(span_of(finished_call(COOLER)))
    assert told["gen_ai.request.temperature"] == 0.7
    assert told["arc.pattern.ids"] == ["cooler"]
    assert told["arc.pattern.revisions"] == [3]
    assert told["arc.fix.outcome"] == "applied"
    assert told["arc.fix.fields"] == ["temperature"]
    assert json.loads(told["arc.fix.diff"]) == [
        {"op": "replace", "path": "/temperature", "value": 0.7}
    ]


def test_a_fix_that_was_only_observed_is_a_shadow() -> None:
    """The difference is what would have been sent; the attributes are what was sent."""
    told = attributes(span_of(finished_call(COOLER, enforced=False)))
    assert told["gen_ai.request.temperature"] == 1.2
    assert told["arc.fix.outcome"] == "shadow"
    assert json.loads(told["arc.fix.diff"])[0]["value"] == 0.7


def test_a_condition_that_could_not_be_evaluated_is_an_error() -> None:
    """It is not the same as a pattern that does not match."""
    told = attributes(span_of(finished_call(FAILING)))
    assert told["arc.fix.outcome"] == "error"


def test_a_difference_in_messages_shows_no_text() -> None:
    """Text is replaced by hash and length, while roles and types remain readable."""
    told = attributes(span_of(finished_call(DEVELOPER)))
    assert "secret" not in json.dumps(told)
    assert "developer" in told["arc.fix.diff"]
    assert "(15 characters)" in told["arc.fix.diff"]


def test_a_difference_with_content_turns_the_request_into_the_one_sent() -> None:
    """With capture on, the patch is exact."""
    call = finished_call(DEVELOPER, COOLER)
    told = attributes(span_of(call, capture_content=True))
    changed = {name: BODY[name] for name in told["arc.fix.fields"]}
    patched = jsonpatch.apply_patch(changed, told["arc.fix.diff"])
    assert patched == {name: call.sent[name] for name in told["arc.fix.fields"]}


@pytest.mark.parametrize(
    "fix",
    [
        {"temperature": 0.7},
        {"seed": 7, '["a/b~c"]': {"d": [1]}},
        {"temperature": None},
        {"temperature": None, "seed": 7},
        {"temperature": {"rename": "heat"}},
        {"metadata": {"a": 2}},
        {"metadata": 1},
        {"metadata": None, "temperature": None},
    ],
    ids=str,
)
def test_every_kind_of_difference_is_a_patch_of_the_request(fix: Any) -> None:
    """Applied to what the application asked for, it gives what was sent."""
    body = {**BODY, "metadata": {"a": 1, "b": [1]}}
    call = finished_call({"name": "any", "pattern": {"model": "gpt-4.1"}, "fix": fix}, body=body)
    told = attributes(span_of(call, capture_content=True))
    assert call.sent != body
    fields = told["arc.fix.fields"]
    before = {name: body[name] for name in fields if name in body}
    after = {name: call.sent[name] for name in fields if name in call.sent}
    assert jsonpatch.apply_patch(before, told["arc.fix.diff"]) == after


def test_content_is_sent_only_when_it_is_captured() -> None:
    """Each message attribute is one JSON string."""
    silent = span_of(finished_call())
    assert "secret" not in str(silent)
    told = attributes(span_of(finished_call(), capture_content=True))
    assert json.loads(told["gen_ai.input.messages"]) == [
        {"role": "user", "parts": [{"type": "text", "content": "Tell me a secret"}]}
    ]
    assert json.loads(told["gen_ai.output.messages"]) == [
        {
            "role": "assistant",
            "parts": [{"type": "text", "content": "No"}],
            "finish_reason": "stop",
        }
    ]


def test_an_exception_becomes_status_event_and_attributes() -> None:
    """Code and parameter are what failures are grouped by."""
    error = CallError(
        "openai.BadRequestError", "Unsupported value", 400, "unsupported_value", "temperature"
    )
    span = span_of(finished_call(reply=None, error=error))
    told = attributes(span)
    assert told["error.type"] == "openai.BadRequestError"
    assert told["http.response.status_code"] == 400
    assert told["arc.error.code"] == "unsupported_value"
    assert told["arc.error.param"] == "temperature"
    assert (span.status.code, span.status.message) == (
        Status.STATUS_CODE_ERROR,
        "Unsupported value",
    )
    (event,) = span.events
    assert (event.name, event.time_unix_nano) == ("exception", span.end_time_unix_nano)
    assert {each.key: each.value.string_value for each in event.attributes} == {
        "exception.type": "openai.BadRequestError",
        "exception.message": "Unsupported value",
    }


def test_an_error_message_is_cut_at_a_kibibyte() -> None:
    """A cut in the middle of a character leaves no broken text."""
    error = CallError("builtins.ValueError", "é" * 5000)
    message = span_of(finished_call(reply=None, error=error)).status.message
    assert message == "é" * 512


def test_a_failed_response_is_an_error_without_exception() -> None:
    """The provider said so in its reply, and the SDK raised nothing."""
    api = Api("responses", "chat", ResponsesReader())
    reply = {"status": "failed", "error": {"code": "server_error", "message": "Sorry."}}
    span = span_of(finished_call(api=api, reply=reply))
    assert attributes(span)["error.type"] == "server_error"
    assert (span.status.code, span.status.message) == (Status.STATUS_CODE_ERROR, "Sorry.")
    assert not span.events
    assert semconv.ARC_ERROR_MESSAGE not in attributes(span)


def test_a_stream_tells_its_first_chunk_and_that_it_was_abandoned() -> None:
    """Neither is said of a call that was not streamed."""
    told = attributes(span_of(finished_call(stream=True, first_chunk_s=0.1, abandoned=True)))
    assert told["gen_ai.request.stream"] is True
    assert told["gen_ai.response.time_to_first_chunk"] == 0.1
    assert told["arc.request.stream_abandoned"] is True


@pytest.mark.parametrize(
    ("api", "name"),
    [
        (Api("embeddings", "embeddings", EmbeddingsReader()), "embeddings gpt-4.1"),
        (Api("vector_stores", "vector_stores", GenericReader()), "vector_stores gpt-4.1"),
    ],
)
def test_other_apis_have_their_own_operation(api: Api, name: str) -> None:
    """The convention's operation names the span."""
    span = span_of(finished_call(api=api))
    assert span.name == name
    assert attributes(span)["gen_ai.operation.name"] == api.convention


def test_a_span_stays_below_a_mebibyte_and_loses_content_first() -> None:
    """Long texts are cut before anything is left out, and the span says so."""
    messages = [{"role": "user", "content": "é" * 2_000_000}, {"role": "user", "content": "Hi"}]
    stop = ["x" * 100_000] * 1000
    call = finished_call(body={"model": "m" * 100_000, "stop": stop, "messages": messages})
    span = span_of(call, capture_content=True)
    told = attributes(span)
    assert span.ByteSize() < 1024 * 1024
    assert told["arc.content.truncated"] is True
    assert json.loads(told["gen_ai.input.messages"])[1]["parts"][0]["content"] == "Hi"
    assert json.loads(told["gen_ai.output.messages"])[0]["parts"][0]["content"] == "No"


def test_content_that_cannot_be_cut_is_left_out() -> None:
    """A history of very many messages does not fit however short they are."""
    messages = [{"role": "user", "content": "Hi"}] * 20_000
    told = attributes(span_of(finished_call(body={"messages": messages}), capture_content=True))
    assert told["arc.content.truncated"] is True
    assert "gen_ai.input.messages" not in told
    assert "gen_ai.output.messages" in told
