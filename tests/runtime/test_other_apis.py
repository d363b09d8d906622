"""The APIs beside chat go through the same seam: fixed, recorded once, answered as ever."""

from __future__ import annotations

import asyncio
from typing import Any, Callable, Dict, NamedTuple

import openai
import pytest

import sdk_features
from runtime import Arc
from telemetry.receiver import Receiver


class Other(NamedTuple):
    """A call of an API, and what is wrong with it."""

    operation: str
    call: Callable[[Any], Any]
    wrong: Dict[str, Any]
    right: Dict[str, Any]
    kind: type


APIS = [
    Other(
        "embeddings",
        lambda client: client.embeddings.create(
            model="text-embedding-ada-002", input="x", encoding_format="float"
        ),
        {"model": "text-embedding-ada-002"},
        {"model": "text-embedding-3-small"},
        openai.types.CreateEmbeddingResponse,
    ),
    Other(
        "completions",
        lambda client: client.completions.create(
            model="gpt-3.5-turbo-instruct", prompt="x", max_tokens=9
        ),
        {"max_tokens": 9},
        {"max_tokens": 5},
        openai.types.Completion,
    ),
    Other(
        "moderations",
        lambda client: client.moderations.create(model="text-moderation-stable", input="x"),
        {"model": "text-moderation-stable"},
        {"model": "text-moderation-latest"},
        openai.types.ModerationCreateResponse,
    ),
    Other(
        "images",
        lambda client: client.images.generate(prompt="x", n=9),
        {"n": 9},
        {"n": 2},
        openai.types.ImagesResponse,
    ),
]


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("other", APIS, ids=lambda other: other.operation)
def test_call_is_fixed_and_recorded_once(
    other: Other, asynchronous: bool, arc: Arc, receiver: Receiver, space: Any
) -> None:
    """The provider gets the fixed request, the caller the SDK's own reply, the receiver a span."""
    arc.register_pattern(other.wrong, other.right, operation=other.operation)

    async def ask() -> Any:
        async with openai.AsyncOpenAI(base_url=space.base_url, api_key="k") as client:
            return await other.call(client)

    if asynchronous:
        reply = asyncio.run(ask())
    else:
        with openai.OpenAI(base_url=space.base_url, api_key="k") as client:
            reply = other.call(client)
    assert type(reply) is other.kind
    [request] = space.requests()
    assert {name: request["json"][name] for name in other.right} == other.right
    assert arc.flush(10)
    [span] = receiver.spans
    told = {each.key: each.value.string_value for each in span.attributes}
    assert told["arc.fix.outcome"] == "applied"
    assert "error.type" not in told


ASKED = ["models", "file", *(["speech"] if sdk_features.SPEECH else [])]


@pytest.mark.parametrize("asked", ASKED)
def test_whatever_else_goes_through_leaves_unchanged(
    asked: str, start: Any, receiver: Receiver, space: Any, client: openai.OpenAI
) -> None:
    """Requests without a body, with files, and with an answer that is no JSON."""
    calls: Dict[str, Callable[[], Any]] = {
        "models": lambda: [model.id for model in client.models.list()],
        "file": lambda: client.files.create(file=("a.jsonl", b"{}"), purpose="batch").filename,
        "speech": lambda: client.audio.speech.create(
            model="tts-1", voice="alloy", input="x"
        ).read(),
    }
    bare = calls[asked]()
    arc = start()
    assert calls[asked]() == bare
    before, after = space.requests()
    assert (before["method"], before["path"]) == (after["method"], after["path"])
    assert len(before["body"]) == len(after["body"])  # a multipart boundary differs each time
    assert arc.flush(10)
    assert len(receiver.spans) == (0 if asked == "models" else 1)  # which is no call of a model
