"""Rules make requests fail as they say, in their own space only."""

from __future__ import annotations

import json
import urllib.error
from pathlib import Path
from typing import Any

import openai
import pytest
import yaml

from simulator_client import Space

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

    def texts(seed: int) -> list[str]:
        space.settings(seed=seed)
        space.rules([rule("soft", probability=0.5, outcome={"content": "odd"})])
        return [call(client).choices[0].message.content for _ in range(20)]

    first = texts(1)
    assert set(first) == {"odd", "Hello! How can I help you today?"}
    assert texts(1) == first
    assert texts(2) != first


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


def test_first_rule_that_fires_decides(space: Space, client: openai.OpenAI) -> None:
    """Rules are tried in order, and one whose condition does not hold is passed over."""
    on_seed = {"path": "seed", "op": "exists"}
    first = rule("soft", match=on_seed, outcome={"content": "first"})
    second = rule("soft", outcome={"content": "second"})
    space.rules([first, second])
    assert call(client, seed=1).choices[0].message.content == "first"
    assert call(client).choices[0].message.content == "second"


def test_rule_concerns_its_endpoint_only(space: Space, client: openai.OpenAI) -> None:
    """A rule for one endpoint leaves the others alone."""
    space.rules([rule("error", endpoint="openai.embeddings")])
    assert call(client).choices
    with pytest.raises(openai.BadRequestError):
        client.embeddings.create(model="m", input="x")


def test_rule_concerns_its_provider_only(space: Space, client: openai.OpenAI) -> None:
    """Azure's paths are Azure's; whose the others are, the space says."""
    space.rules([rule("error", provider="azure_openai")])
    assert call(client).choices
    azure = openai.AzureOpenAI(
        azure_endpoint=space.url, api_key="k", api_version="2024-10-21", max_retries=0
    )
    with azure, pytest.raises(openai.BadRequestError):
        call(azure)
    space.rules([rule("error", provider="openai_compatible")])
    assert call(client).choices
    space.settings(provider="openai_compatible")
    with pytest.raises(openai.BadRequestError):
        call(client)


def test_catalogued_rule_can_be_changed(space: Space, client: openai.OpenAI) -> None:
    """A rule that only names a case of the catalogue takes the rest from there."""
    space.rules([{"id": "openai-429-tokens-per-minute", "times": 1, "retry_after_s": 0.5}])
    with pytest.raises(openai.RateLimitError, match="Rate limit reached") as caught:
        call(client)
    assert caught.value.response.headers["retry-after"] == "0.5"
    assert call(client).choices


def test_sdk_retries_what_fails_once(space: Space) -> None:
    """A passing failure is survived by the SDK's own retry."""
    space.rules([rule("error", times=1, retry_after_s=0.01, outcome={"http_status": 503})])
    with openai.OpenAI(base_url=space.base_url, api_key="k", max_retries=1) as client:
        assert call(client).choices
    assert [request["status"] for request in space.requests()] == [503, 200]


@pytest.mark.parametrize("delay", [{"latency_ms": 1500}, {"outcome": {"chunk_delay_ms": 1500}}])
def test_slow_answer_outlasts_a_short_timeout(
    space: Space, client: openai.OpenAI, delay: dict[str, Any]
) -> None:
    """A slow answer comes later than an impatient client waits, before or within a stream."""
    space.rules([rule("slow", **delay)])
    with pytest.raises(openai.APITimeoutError):
        list(call(client, stream=True, timeout=0.2))


def test_rules_of_the_documentation_work(space: Space, client: openai.OpenAI) -> None:
    """The example in the documentation is a list of rules that fire as it says."""
    page = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text("utf-8")
    space.rules(yaml.safe_load(page.partition("```yaml")[2].partition("```")[0]))
    with pytest.raises(openai.BadRequestError, match="Too hot"):
        call(client, temperature=1.5)
    with pytest.raises(openai.APIConnectionError):
        stream(client)
    assert stream(client)


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
