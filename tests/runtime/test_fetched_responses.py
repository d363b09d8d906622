"""A response that is fetched by its id is told of as fetched, not as generated once more."""

from __future__ import annotations

import asyncio
from typing import Any, Callable, Dict

import openai
import pytest

import sdk_features
from runtime import Arc
from telemetry.receiver import Receiver

pytestmark = pytest.mark.skipif(not sdk_features.RESPONSES, reason="the SDK has no responses")

FAILURE = {"code": "server_error", "message": "the model fell over"}


def values(span: Any) -> Dict[str, Any]:
    told = {
        each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes
    }
    reasons = told.get("gen_ai.response.finish_reasons")
    if reasons is not None:
        told["gen_ai.response.finish_reasons"] = [each.string_value for each in reasons.values]
    return told


def soft(endpoint: str, **fields: Any) -> Dict[str, Any]:
    """Return a rule that changes what an endpoint answers."""
    outcome = {"kind": "soft", "response": fields}
    return {"id": endpoint, "endpoint": endpoint, "outcome": outcome}


def create(client: openai.OpenAI, **parameters: Any) -> Any:
    return client.responses.create(model="gpt-4o", input="hi", **parameters)


@pytest.mark.parametrize("shape", ["sync", "async", "raw", "stream"])
def test_fetched_response_is_told_of_without_its_tokens(
    shape: str, arc: Arc, receiver: Receiver, client: openai.OpenAI, space: Any
) -> None:
    """They have been counted with the call that generated it."""
    made = create(client)
    bare = client.responses.with_raw_response

    async def fetch() -> Any:
        async with openai.AsyncOpenAI(base_url=space.base_url, api_key="k") as other:
            return await other.responses.retrieve(made.id)

    def streamed() -> Any:
        *_, last = client.responses.retrieve(made.id, stream=True)
        return last.response

    shapes: Dict[str, Callable[[], Any]] = {
        "sync": lambda: client.responses.retrieve(made.id),
        "async": lambda: asyncio.run(fetch()),
        "raw": lambda: bare.retrieve(made.id).parse(),
        "stream": streamed,
    }
    if shape == "stream" and not sdk_features.STREAMED_RETRIEVE:
        pytest.skip("the SDK cannot stream what it retrieves")
    assert shapes[shape]() == made
    assert arc.flush(10)

    created, fetched = receiver.spans
    assert fetched.name == "fetch_response"
    assert fetched.kind == fetched.SPAN_KIND_CLIENT
    told = values(fetched)
    assert told["gen_ai.operation.name"] == "fetch_response"
    assert told["gen_ai.provider.name"] == "openai"
    assert told["openai.api.type"] == "responses"
    assert told["gen_ai.response.id"] == made.id
    assert told["gen_ai.response.model"] == made.model
    assert told["gen_ai.response.status"] == "completed"
    assert told["gen_ai.response.finish_reasons"] == ["stop"]
    assert not [name for name in told if name.startswith("gen_ai.usage.")]
    assert "arc.request" not in told
    assert "gen_ai.usage.output_tokens" in values(created)


def test_background_response_is_followed_to_its_failure(
    arc: Arc, receiver: Receiver, client: openai.OpenAI, space: Any
) -> None:
    """What fails later is said where it is fetched; that itself has not failed."""
    space.rules(
        [
            soft("openai.responses", status="failed", error=FAILURE),
            {**soft("openai.responses.retrieve", status="in_progress", error=None), "times": 1},
        ]
    )
    made = create(client, background=True)
    assert made.status == "queued"
    seen = [client.responses.retrieve(made.id).status for _ in range(2)]
    assert seen == ["in_progress", "failed"]
    assert arc.flush(10)

    created, pending, failed = receiver.spans
    assert "gen_ai.response.finish_reasons" not in values(created)
    assert values(pending)["gen_ai.response.status"] == "in_progress"
    assert "gen_ai.response.finish_reasons" not in values(pending)
    told = values(failed)
    assert told["gen_ai.response.status"] == "failed"
    assert told["gen_ai.response.finish_reasons"] == ["error"]
    assert told["arc.error.code"] == "server_error"
    assert "error.type" not in told
    assert "arc.failure.kinds" not in told
    assert failed.status.code == failed.status.STATUS_CODE_UNSET


def test_what_is_wrong_with_a_response_is_said_once(
    arc: Arc, receiver: Receiver, client: openai.OpenAI
) -> None:
    """However often it is fetched."""
    made = create(client, max_output_tokens=2)
    assert client.responses.retrieve(made.id).status == "incomplete"
    assert arc.flush(10)
    created, fetched = map(values, receiver.spans)
    assert created["gen_ai.response.finish_reasons"] == ["length"]
    assert fetched["gen_ai.response.finish_reasons"] == ["length"]
    assert "arc.failure.kinds" in created
    assert "arc.failure.kinds" not in fetched


def test_response_that_cannot_be_fetched_is_an_error(
    start: Any, receiver: Receiver, client: openai.OpenAI, space: Any
) -> None:
    """The span says which one was asked for; nothing is healed, as there is nothing to change."""
    arc = start(heal=True)
    arc.register_pattern({"temperature": {"exists": False}}, {"temperature": 0.5})
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve("resp_0")
    assert len(space.requests()) == 1
    assert space.requests()[0]["body"] == b""
    assert arc.flush(10)
    [span] = receiver.spans
    told = values(span)
    assert told["gen_ai.response.id"] == "resp_0"
    assert told["error.type"] == "openai.NotFoundError"
    assert told["http.response.status_code"] == 404
    assert told["arc.fix.outcome"] == "none"


def test_feedback_belongs_to_the_call_that_generated_the_response(
    arc: Arc, receiver: Receiver, client: openai.OpenAI
) -> None:
    """Also when the reply that is judged came by a later fetch."""
    made = create(client)
    assert arc.feedback(client.responses.retrieve(made.id), outcome="bad")
    assert arc.flush(10)
    created, _, feedback = receiver.spans
    assert (feedback.name, feedback.parent_span_id) == ("user_feedback", created.span_id)


def test_what_else_is_read_of_a_response_is_not_told(
    arc: Arc, receiver: Receiver, client: openai.OpenAI
) -> None:
    """Its input items are no response."""
    with pytest.raises(openai.NotFoundError):
        client.responses.input_items.list("resp_0")
    assert arc.flush(10)
    assert receiver.spans == []
