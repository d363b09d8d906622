"""Spaces are isolated from each other, and tell what has arrived in them."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import openai
import pytest

from simulator_client import Simulator, Space

HI: Any = [{"role": "user", "content": "hi"}]


def test_simulator_says_that_it_is_healthy(simulator: Simulator) -> None:
    """The health address answers."""
    with urllib.request.urlopen(f"{simulator.url}/_simulator/health", timeout=10) as answer:
        assert json.load(answer) == {"status": "ok"}


def test_spaces_do_not_see_each_other(simulator: Simulator, space: Space) -> None:
    """Rules, settings and recordings of one space are not those of another."""
    other = simulator.space(f"{space.name}-other")
    other.rules([{"id": "refuse", "outcome": {"kind": "error"}}])
    other.settings(reply="Other.")
    with openai.OpenAI(base_url=space.base_url, api_key="k") as client:
        reply = client.chat.completions.create(model="gpt-4o", messages=HI)
        stored = client.responses.create(model="gpt-4o", input="hi")
    assert reply.choices[0].message.content == "Hello! How can I help you today?"
    assert other.requests() == []
    other.rules([])
    client = openai.OpenAI(base_url=other.base_url, api_key="k")
    with client, pytest.raises(openai.NotFoundError):
        client.responses.retrieve(stored.id)
    other.reset()


def test_default_space_is_at_the_plain_address(simulator: Simulator) -> None:
    """`/v1` and `/spaces/default/v1` are the same."""
    default = simulator.space("default")
    default.settings(reply="Default.")
    with openai.OpenAI(base_url=f"{simulator.url}/v1", api_key="k") as client:
        reply = client.chat.completions.create(model="gpt-4o", messages=HI)
    assert reply.choices[0].message.content == "Default."
    assert [request["path"] for request in default.requests()] == ["/v1/chat/completions"]
    default.reset()
    assert default.requests() == []


def test_request_is_recorded_as_it_arrived(space: Space, client: openai.OpenAI) -> None:
    """A recording has the very bytes, the parsed body, and what became of it, but no key."""
    client.chat.completions.create(
        model="gpt-4o", messages=HI, user="\u00e9", extra_headers={"x-own": "1"}
    )
    [request] = space.requests()
    assert request["method"] == "POST"
    assert request["path"].endswith("/v1/chat/completions")
    assert request["endpoint"] == "openai.chat.completions"
    assert json.loads(request["body"]) == request["json"]
    assert request["json"] == {"model": "gpt-4o", "messages": HI, "user": "\u00e9"}
    assert request["headers"]["x-own"] == "1"
    assert request["headers"]["authorization"] == "[redacted]"
    assert (request["rule"], request["status"]) == (None, 200)


def test_only_the_newest_requests_are_kept(space: Space, client: openai.OpenAI) -> None:
    """The number of recordings is bounded."""
    space.settings(keep_requests=2)
    for seed in range(3):
        client.chat.completions.create(model="gpt-4o", messages=HI, seed=seed)
    assert [request["json"]["seed"] for request in space.requests()] == [1, 2]


def test_reset_forgets_everything(space: Space, client: openai.OpenAI) -> None:
    """After a reset rules, settings and recordings are as in a fresh space."""
    space.rules([{"id": "refuse", "outcome": {"kind": "error"}}])
    space.settings(reply="Odd.")
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="gpt-4o", messages=HI)
    space.reset()
    assert space.requests() == []
    reply = client.chat.completions.create(model="gpt-4o", messages=HI)
    assert reply.choices[0].message.content == "Hello! How can I help you today?"


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"latency": 5}, "latency"),
        ({"latency_ms": -1}, "latency_ms: -1 is not a number of at least 0"),
        ({"latency_ms": True}, "latency_ms"),
        ({"chunk_count": 1.5}, "chunk_count: 1.5 is not a whole number of at least 1"),
        ({"reply": 5}, "reply: 5 is not a string"),
    ],
)
def test_bad_setting_is_explained(space: Space, settings: Any, problem: str) -> None:
    """A setting that cannot be used is refused in a sentence that names it."""
    with pytest.raises(urllib.error.HTTPError) as caught:
        space.settings(**settings)
    with caught.value as answer:
        assert answer.code == 400
        assert problem in json.load(answer)["error"]
