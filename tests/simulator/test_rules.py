"""Rules make requests fail as they say, in their own space only."""

from __future__ import annotations

import json
import urllib.error
from typing import Any

import openai
import pytest

from simulator_client import Simulator, Space

HI: Any = [{"role": "user", "content": "hi"}]
BODY = {"error": {"message": "No.", "type": "t", "param": "seed", "code": "bad_seed"}}


def call(client: openai.OpenAI, **extra: Any) -> Any:
    return client.chat.completions.create(model="gpt-4o", messages=HI, **extra)


def stream(client: openai.OpenAI) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in call(client, stream=True))


def rule(kind: str, **fields: Any) -> dict[str, Any]:
    outcome = {"kind": kind, **fields.pop("outcome", {})}
    return {"id": f"a-{kind}", "outcome": outcome, **fields}


def test_error_has_exact_status_body_and_headers(space: Space, client: openai.OpenAI) -> None:
    """The SDK's exception shows what the rule says; other requests are left alone."""
    space.rules(
        [
            rule(
                "error",
                match={"path": "seed", "op": "exists"},
                outcome={"http_status": 429, "body": BODY, "headers": {"x-limit": "9"}},
                retry_after_s=7,
            )
        ]
    )
    with pytest.raises(openai.RateLimitError) as caught:
        call(client, seed=1)
    assert caught.value.response.json() == BODY
    assert caught.value.response.headers["retry-after"] == "7"
    assert caught.value.response.headers["x-limit"] == "9"
    assert call(client).choices
    assert [(r["rule"], r["status"]) for r in space.requests()] == [("a-error", 429), (None, 200)]


def test_soft_failure_is_laid_over_the_reply(space: Space, client: openai.OpenAI) -> None:
    """Text and finish reason are the rule's, whole and streamed, in both APIs."""
    space.rules([rule("soft", outcome={"content": "cut o", "finish_reason": "length"})])
    choice = call(client).choices[0]
    assert (choice.message.content, choice.finish_reason) == ("cut o", "length")
    assert stream(client) == "cut o"
    reply = client.responses.create(model="gpt-4o", input="x")
    assert (reply.output_text, reply.status) == ("cut o", "incomplete")
    space.rules([rule("soft", outcome={"response": {"usage": {"prompt_tokens": 4096}}})])
    assert call(client).usage.prompt_tokens == 4096


def test_rule_fires_a_limited_number_of_times(space: Space, client: openai.OpenAI) -> None:
    """After `times` the requests succeed again."""
    space.rules([rule("error", times=2, outcome={"http_status": 503})])
    for _ in range(2):
        with pytest.raises(openai.InternalServerError):
            call(client)
    assert call(client).choices


def test_chance_is_reproducible(space: Space, client: openai.OpenAI) -> None:
    """The same seed gives the same failures, another seed others."""

    def statuses(seed: int) -> list[int]:
        space.reset()
        space.settings(seed=seed)
        space.rules([rule("error", probability=0.5)])
        for _ in range(30):
            try:
                call(client)
            except openai.BadRequestError:
                pass
        return [request["status"] for request in space.requests()]

    first = statuses(1)
    assert set(first) == {200, 400}
    assert statuses(1) == first
    assert statuses(2) != first


@pytest.mark.parametrize("kind", ["drop", "truncated_stream"])
def test_lost_connection_is_a_connection_error(
    kind: str, space: Space, client: openai.OpenAI
) -> None:
    """A connection that goes away before or within the answer is the transport's error."""
    space.rules([rule(kind)])
    with pytest.raises(openai.APIConnectionError):
        call(client)


def test_hanging_request_times_out(space: Space, client: openai.OpenAI) -> None:
    """A request that is never answered ends by the client's patience."""
    space.rules([rule("hang")])
    with pytest.raises(openai.APITimeoutError):
        call(client, timeout=0.2)


def test_stream_breaks_off_in_the_middle(space: Space, client: openai.OpenAI) -> None:
    """Some chunks arrive before the connection is gone."""
    space.rules([rule("truncated_stream", outcome={"after": 3})])
    chunks = call(client, stream=True)
    for _ in range(3):
        next(chunks)
    with pytest.raises(openai.APIConnectionError):
        next(chunks)


def test_stream_ends_in_an_error(space: Space, client: openai.OpenAI) -> None:
    """Some chunks arrive before the stream reports an error, each API in its own way."""
    space.rules([rule("error_event", outcome={"after": 2, "body": BODY})])
    chunks = call(client, stream=True)
    for _ in range(2):
        next(chunks)
    with pytest.raises(openai.APIError) as caught:
        next(chunks)
    assert caught.value.body == BODY["error"]
    events = list(client.responses.create(model="gpt-4o", input="x", stream=True))
    assert [event.type for event in events][1:] == ["response.in_progress", "error"]
    assert getattr(events[-1], "code", None) == "bad_seed"


def test_invalid_json_is_sent_as_such(space: Space, client: openai.OpenAI) -> None:
    """A broken document reaches the client with status 200."""
    space.rules([rule("invalid_json")])
    raw = client.chat.completions.with_raw_response.create(model="gpt-4o", messages=HI)
    assert raw.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(raw.content)
    with pytest.raises(json.JSONDecodeError):
        stream(client)


def test_spaces_do_not_see_each_other(simulator: Simulator, space: Space) -> None:
    """Rules and recordings of one space are not those of another; a reset forgets them."""
    other = simulator.space(f"{space.name}-other")
    other.rules([rule("error")])
    with openai.OpenAI(base_url=space.base_url, api_key="secret") as client:
        assert call(client, user="\u00e9").choices
    assert other.requests() == []
    [request] = space.requests()
    assert request["json"]["user"] == "\u00e9"
    assert json.loads(request["body"]) == request["json"]
    assert "secret" not in json.dumps(request["headers"])
    space.reset()
    assert space.requests() == []
    other.reset()


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ([{"id": "x"}], "not in the catalogue"),
        ([{"id": "x", "outcome": {"kind": "explode"}}], "explode"),
        ([{"id": "x", "outcome": {"kind": "hang"}, "when": 1}], "when"),
        ([rule("hang", match={"path": "a", "op": "like", "value": 1})], "like"),
        ([rule("hang", match={"path": "a", "op": "predicate", "name": "odd"})], "odd"),
        ([rule("hang", probability=2)], "probability"),
    ],
)
def test_bad_rule_is_explained(space: Space, document: Any, problem: str) -> None:
    """A rule that cannot be used is refused in a sentence that names what is wrong."""
    with pytest.raises(urllib.error.HTTPError) as caught:
        space.rules(document)
    with caught.value as answer:
        assert answer.code == 400
        assert problem in json.load(answer)["error"]
