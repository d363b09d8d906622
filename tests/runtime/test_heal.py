"""Healing: a refused request whose error names the cure is repaired and sent again, once."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from typing import Any, Dict

import openai
import pytest

from runtime_shapes import ASYNC_SHAPES, SHAPES
from telemetry.receiver import Receiver, free_port

REQUEST: Dict[str, Any] = {
    "model": "vega-2",
    "messages": [{"role": "user", "content": "hi"}],
    "temperature": 0.4,
}


def refusal(message: str, match: Any, **fields: Any) -> Dict[str, Any]:
    """Return a rule of the simulator."""
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    body = {"error": {**error, **fields.pop("error", {})}}
    outcome = {"kind": "error", "http_status": 400, "body": body, **fields}
    return {"id": message[:20], "match": match, "outcome": outcome}


HAS_TEMPERATURE = {"path": "temperature", "op": "exists"}
NO_TEMPERATURE = refusal("Unsupported parameter: 'temperature' is not supported.", HAS_TEMPERATURE)


def attributes(span: Any) -> Any:
    return {
        each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes
    }


def one_span(arc: Any, receiver: Receiver) -> Any:
    assert arc.flush(10)
    assert len(receiver.spans) == 1
    return attributes(receiver.spans[0])


@pytest.mark.parametrize("shape", SHAPES)
def test_sync_call_is_healed(
    shape: str, start: Any, receiver: Receiver, space: Any, client: openai.OpenAI
) -> None:
    """However it is made, a refused call gets the reply to the repaired request, as one call."""
    arc = start(heal=True)
    space.rules([NO_TEMPERATURE])
    assert SHAPES[shape](client)
    refused, repaired = (request["json"] for request in space.requests())
    assert repaired == {k: v for k, v in refused.items() if k != "temperature"}
    span = one_span(arc, receiver)
    assert span["arc.heal.outcome"] == "healed"
    assert json.loads(span["arc.heal.fix"]) == {"temperature": None}
    assert "error.type" not in span
    assert span["arc.heal.error.type"] == "openai.BadRequestError"
    assert span["arc.heal.error.status_code"] == 400
    assert "'temperature' is not supported" in span["arc.heal.error.message"]
    assert "gen_ai.request.temperature" not in span
    assert span["gen_ai.response.model"].startswith("gpt-4.1")


@pytest.mark.parametrize(
    "body",
    [
        {"code": "invalid", "error": "Argument not supported on this model: temperature"},
        {"detail": "Argument not supported on this model: temperature"},
        {"detail": [{"loc": ["body", "temperature"], "msg": "Extra inputs are not permitted"}]},
    ],
    ids=["error is text", "detail", "details"],
)
def test_words_that_the_sdk_does_not_repeat_are_read(
    body: Any, start: Any, receiver: Receiver, space: Any, client: openai.OpenAI
) -> None:
    """Servers that are compatible say it elsewhere than OpenAI; the exception has only a number."""
    arc = start(heal=True)
    outcome = {"kind": "error", "http_status": 400, "body": body}
    space.rules([{"id": "refusal", "match": HAS_TEMPERATURE, "outcome": outcome}])
    assert SHAPES["create"](client)
    span = one_span(arc, receiver)
    assert json.loads(span["arc.heal.fix"]) == {"temperature": None}
    assert "temperature" in span["arc.heal.error.message"]


@pytest.mark.parametrize("shape", ASYNC_SHAPES)
def test_async_call_is_healed(shape: str, start: Any, receiver: Receiver, space: Any) -> None:
    """Async calls are healed as sync ones are."""
    arc = start(heal=True)
    space.rules([NO_TEMPERATURE])

    async def run() -> Any:
        async with openai.AsyncOpenAI(base_url=space.base_url, api_key="k") as client:
            return await ASYNC_SHAPES[shape](client)

    assert asyncio.run(run())
    assert "temperature" not in space.requests()[-1]["json"]
    assert one_span(arc, receiver)["arc.heal.outcome"] == "healed"


def test_second_refusal_leaves_the_first_error(
    start: Any, receiver: Receiver, space: Any, client: openai.OpenAI
) -> None:
    """When the repaired request fails too, the application sees what answered its own request."""
    arc = start(heal=True)
    rest = refusal(
        "Unsupported parameter: 'user' is not supported.", {"path": "user", "op": "exists"}
    )
    space.rules([NO_TEMPERATURE, rest])
    with pytest.raises(openai.BadRequestError, match="temperature") as caught:
        client.chat.completions.create(**REQUEST, user="u")
    assert caught.value.__context__ is None or "user" not in str(caught.value.__context__)
    assert len(space.requests()) == 2
    span = one_span(arc, receiver)
    assert span["arc.heal.outcome"] == "failed"
    assert json.loads(span["arc.heal.fix"]) == {"temperature": None}
    assert span["http.response.status_code"] == 400
    assert "arc.heal.error.status_code" not in span
    assert span["gen_ai.request.temperature"] == 0.4


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        pytest.param({}, NO_TEMPERATURE, id="off"),
        pytest.param({"heal": True, "mode": "observe"}, NO_TEMPERATURE, id="observe"),
        pytest.param(
            {"heal": True},
            refusal("Something is not right.", HAS_TEMPERATURE),
            id="no cure in the words",
        ),
        pytest.param(
            {"heal": True},
            refusal("'temperature' is not supported.", HAS_TEMPERATURE, http_status=429),
            id="rate limit",
        ),
        pytest.param(
            {"heal": True},
            refusal("'temperature' is not supported.", HAS_TEMPERATURE, http_status=500),
            id="error of the server",
        ),
        pytest.param(
            {"heal": True, "policy": "all"},
            refusal(
                "'stream' does not support true. Only the default (false) value is supported.",
                {"path": "stream", "op": "exists"},
            ),
            id="stream",
        ),
    ],
)
def test_call_is_sent_once(
    settings: Any, rule: Any, start: Any, receiver: Receiver, space: Any, client: openai.OpenAI
) -> None:
    """What is not to be healed is sent once, and its error is the application's."""
    arc = start(**settings)
    space.rules([rule])
    with pytest.raises(openai.APIStatusError):
        client.chat.completions.create(**REQUEST, stream=True)
    assert len(space.requests()) == 1
    assert "arc.heal.outcome" not in one_span(arc, receiver)


def test_cure_that_the_policy_does_not_let_is_told(
    start: Any, receiver: Receiver, space: Any, client: openai.OpenAI
) -> None:
    """The call is sent once; its span and the metrics say that it could have been cured."""
    arc = start(heal=True, policy="none")
    space.rules([NO_TEMPERATURE])
    with pytest.raises(openai.BadRequestError, match="temperature"):
        client.chat.completions.create(**REQUEST)
    assert len(space.requests()) == 1
    span = one_span(arc, receiver)
    assert span["arc.heal.outcome"] == "forbidden"
    assert json.loads(span["arc.heal.fix"]) == {"temperature": None}
    assert span["http.response.status_code"] == 400


def test_outcomes_are_counted(start: Any, space: Any, client: openai.OpenAI) -> None:
    """Metrics tell how many refused calls were healed, and how many were not."""
    arc = start(heal=True, metrics_port=free_port())
    rest = refusal("'user' is not supported.", {"path": "user", "op": "exists"})
    space.rules([NO_TEMPERATURE, rest])
    client.chat.completions.create(**REQUEST)
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(**REQUEST, user="u")
    assert arc.flush(10)
    with urllib.request.urlopen(str(arc.metrics_url)) as answer:
        text = answer.read().decode()
    assert 'arc_heals_total{attempt="repair",outcome="healed"} 1.0' in text
    assert 'arc_heals_total{attempt="repair",outcome="failed"} 1.0' in text


def test_connection_error_is_not_healed(start: Any, receiver: Receiver) -> None:
    """An error that no provider answered says nothing of the request."""
    arc = start(heal=True)
    nobody = openai.OpenAI(base_url="http://127.0.0.1:9/v1", api_key="k", max_retries=0)
    with nobody, pytest.raises(openai.APIConnectionError):
        nobody.chat.completions.create(**REQUEST)
    assert "arc.heal.outcome" not in one_span(arc, receiver)


def test_fixes_of_patterns_stay_in_the_repaired_request(
    start: Any, receiver: Receiver, space: Any, client: openai.OpenAI
) -> None:
    """The repair starts from what was sent, and the pattern's own change is told by itself."""
    arc = start(heal=True)
    arc.register_pattern({"top_p": {"exists": True}}, {"top_p": 0.5}, name="half")
    space.rules([NO_TEMPERATURE])
    client.chat.completions.create(**REQUEST, top_p=0.9)
    assert space.requests()[-1]["json"]["top_p"] == 0.5
    span = one_span(arc, receiver)
    assert [each.string_value for each in span["arc.fix.fields"].values] == ["top_p"]
    assert span["gen_ai.request.top_p"] == 0.5
    assert span["arc.heal.outcome"] == "healed"


def test_application_keeps_its_request(start: Any, space: Any, client: openai.OpenAI) -> None:
    """A repair makes new messages and leaves those of the application alone."""
    start(heal=True, policy="content")
    rule = refusal("roles must alternate", {"path": "messages", "op": "count_gt", "value": 1})
    space.rules([rule])
    messages = [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]
    before = json.dumps(messages)
    client.chat.completions.create(model="vega-2", messages=messages)  # type: ignore[arg-type]
    assert space.requests()[-1]["json"]["messages"] == [{"role": "user", "content": "a\n\nb"}]
    assert json.dumps(messages) == before


def test_cancelled_repair_is_cancelled(start: Any, receiver: Receiver, space: Any) -> None:
    """An interruption of the second attempt reaches the application, not the first error."""
    arc = start(heal=True)
    hang = {"id": "hang", "outcome": {"kind": "hang"}}
    space.rules([NO_TEMPERATURE, hang])

    async def run() -> None:
        async with openai.AsyncOpenAI(base_url=space.base_url, api_key="k") as client:
            call = asyncio.ensure_future(client.chat.completions.create(**REQUEST))
            loop = asyncio.get_running_loop()
            while len(await loop.run_in_executor(None, space.requests)) < 2:
                assert not call.done()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call

    asyncio.run(run())
    span = one_span(arc, receiver)
    assert span["arc.heal.outcome"] == "failed"
    assert "CancelledError" in span["error.type"]
