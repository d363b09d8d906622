"""Every way to make a call is fixed, recorded once and otherwise left as the SDK made it."""

from __future__ import annotations

import asyncio
import gc
from typing import Any, Callable, List, TypeVar, get_origin

import openai
import pytest

import sdk_features
from runtime import Arc
from runtime_shapes import ASYNC_SHAPES, RISKY, SHAPES
from telemetry.receiver import Receiver


def attributes(span: Any) -> Any:
    """Return a span's attributes as a mapping."""
    return {
        each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes
    }


def one_span(arc: Arc, receiver: Receiver) -> Any:
    assert arc.flush(10)
    assert len(receiver.spans) == 1
    return attributes(receiver.spans[0])


@pytest.mark.parametrize("shape", SHAPES)
def test_sync_call_is_fixed_and_recorded_once(
    shape: str, arc: Arc, receiver: Receiver, space: Any, client: openai.OpenAI
) -> None:
    """The provider gets the fixed request, the receiver one span with what came back."""
    assert SHAPES[shape](client)
    [request] = space.requests()
    assert request["json"]["temperature"] == 0.7
    span = one_span(arc, receiver)
    assert span["gen_ai.request.temperature"] == 0.7
    assert span["arc.fix.outcome"] == "applied"
    assert "error.type" not in span
    assert span["gen_ai.response.model"].startswith("gpt-4.1")


@pytest.mark.parametrize("shape", ASYNC_SHAPES)
def test_async_call_is_fixed_and_recorded_once(
    shape: str, arc: Arc, receiver: Receiver, space: Any
) -> None:
    """Async calls are treated as sync ones are."""

    async def run() -> Any:
        async with openai.AsyncOpenAI(base_url=space.base_url, api_key="k") as client:
            return await ASYNC_SHAPES[shape](client)

    assert asyncio.run(run())
    [request] = space.requests()
    assert request["json"]["temperature"] == 0.7
    span = one_span(arc, receiver)
    assert span["arc.fix.outcome"] == "applied"
    assert span["gen_ai.response.model"].startswith("gpt-4.1")


def test_request_that_nothing_matches_leaves_byte_identical(
    start: Any, space: Any, client: openai.OpenAI
) -> None:
    """Arc changes no byte of a request that no pattern concerns."""
    request = {**RISKY, "temperature": 0.3, "user": "\u00e9\u4e16"}
    client.chat.completions.create(**request)
    start()
    client.chat.completions.create(**request)
    bare, through_arc = space.requests()
    assert bare["body"] == through_arc["body"]


def test_caller_gets_the_sdks_own_types(arc: Arc, client: openai.OpenAI) -> None:
    """Replies, streams and exceptions are what the SDK's documentation promises."""
    reply = client.chat.completions.create(**RISKY)
    assert type(reply) is openai.types.chat.ChatCompletion
    stream = client.chat.completions.create(**RISKY, stream=True)
    assert isinstance(stream, openai.Stream)
    assert type(stream).__name__ == "Stream"
    assert public(type(stream)) == public(openai.Stream)
    assert type(next(stream)) is openai.types.chat.ChatCompletionChunk
    assert list(stream)


def public(kind: type) -> List[str]:
    return [name for name in dir(kind) if not name.startswith("_")]


Chunk = openai.types.chat.ChatCompletionChunk
ChunkType = TypeVar("ChunkType")


class OwnStream(openai.Stream[Chunk]):
    pass


class OwnGenericStream(openai.Stream[ChunkType]):
    pass


@pytest.mark.parametrize("stream_cls", [openai.Stream[Chunk], OwnStream, OwnGenericStream[Chunk]])
def test_stream_class_given_by_the_application_works_as_without_arc(
    stream_cls: Any, start: Any, client: openai.OpenAI
) -> None:
    """The SDK makes the same of it, whether it looks at its arguments or at its bases."""

    def outcome() -> Any:
        body = {**RISKY, "stream": True}
        stream = client.post(
            "/chat/completions", body=body, cast_to=Chunk, stream=True, stream_cls=stream_cls
        )
        own = isinstance(stream, get_origin(stream_cls) or stream_cls)
        return own, [(type(chunk), chunk.choices[0].delta.content) for chunk in stream]

    try:
        bare = outcome()
    except TypeError as error:
        pytest.skip(f"the SDK itself cannot: {error}")
    start()
    assert outcome() == bare


def test_callers_request_is_not_touched(arc: Arc, space: Any, client: openai.OpenAI) -> None:
    """The objects that the application passed are the same afterwards."""
    body = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "x"}], "temperature": 0.95}
    client.post("/chat/completions", body=body, cast_to=openai.types.chat.ChatCompletion)
    assert body["temperature"] == 0.95
    assert space.requests()[0]["json"]["temperature"] == 0.7


def test_error_reaches_the_caller_and_the_span(
    start: Any, receiver: Receiver, space: Any, client: openai.OpenAI
) -> None:
    """A refusal raises the SDK's exception; the span has its type, status, code and param."""
    error = {"message": "No.", "type": "invalid_request_error", "param": "user", "code": "bad_user"}
    space.rules(
        [
            {
                "id": "refuse",
                "match": {"all": [{"path": "user", "op": "exists"}]},
                "outcome": {"kind": "error", "http_status": 400, "body": {"error": error}},
            }
        ]
    )

    def refusal() -> openai.BadRequestError:
        with pytest.raises(openai.BadRequestError) as caught:
            client.chat.completions.create(**RISKY, user="nobody")
        return caught.value

    bare = refusal()
    arc = start()
    refused = refusal()
    assert (type(refused), str(refused)) == (type(bare), str(bare))
    span = one_span(arc, receiver)
    assert span["error.type"] == "openai.BadRequestError"
    assert span["http.response.status_code"] == 400
    # both are "bad_user" and "user" from openai 1.3 on, and None before
    told = (span.get("arc.error.code"), span.get("arc.error.param"))
    assert told == (refused.code, refused.param) == (bare.code, bare.param)


def close(streams: List[Any]) -> None:
    streams[0].close()


def drop(streams: List[Any]) -> None:
    streams.clear()
    gc.collect()


STOPS = [drop, close] if sdk_features.STREAMS_CLOSE else [drop]


@pytest.mark.parametrize("stop", STOPS)
def test_stream_left_early_is_recorded_as_abandoned(
    stop: Callable[[List[Any]], None], arc: Arc, receiver: Receiver, client: openai.OpenAI
) -> None:
    """An application that stops reading ends the call there."""
    streams = [client.chat.completions.create(**RISKY, stream=True)]
    next(streams[0])
    stop(streams)
    span = one_span(arc, receiver)
    assert span["arc.request.stream_abandoned"] is True
    assert span["gen_ai.response.time_to_first_chunk"] > 0


def test_client_made_before_arc_is_covered(
    space: Any, client: openai.OpenAI, start: Any, receiver: Receiver
) -> None:
    """Neither the order of creation nor methods taken earlier matter."""
    create = client.chat.completions.create
    arc = start()
    create(**RISKY)
    assert space.requests()[0]["json"]["temperature"] == 0.7
    assert one_span(arc, receiver)


def test_subclass_azure_and_module_client_are_covered(
    arc: Arc, space: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever inherits from the SDK's clients is intercepted once."""

    class Own(openai.OpenAI):
        def request(self, *args: Any, **kwargs: Any) -> Any:
            return super().request(*args, **kwargs)

    with Own(base_url=space.base_url, api_key="k") as own:
        own.chat.completions.create(**RISKY)
    version = "2024-10-21"
    with openai.AzureOpenAI(base_url=space.base_url, api_key="k", api_version=version) as azure:
        azure.chat.completions.create(**RISKY)
    monkeypatch.setattr(openai, "base_url", f"{space.base_url}/")
    monkeypatch.setattr(openai, "api_key", "k")
    openai.chat.completions.create(**RISKY)
    temperatures = [request["json"]["temperature"] for request in space.requests()]
    assert temperatures == [0.7, 0.7, 0.7]


def test_async_azure_is_covered(arc: Arc, space: Any) -> None:
    """As the sync client of Azure is, whose addresses name a deployment."""

    async def run() -> Any:
        async with openai.AsyncAzureOpenAI(
            azure_endpoint=space.url, api_key="k", api_version="2024-10-21"
        ) as azure:
            return await azure.chat.completions.create(**RISKY)

    assert asyncio.run(run()).choices
    assert [request["json"]["temperature"] for request in space.requests()] == [0.7]
