"""Every playable case of the catalogue fails on its own trigger and on nothing healthy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import openai
import pytest

from arc_simulator.catalogue import cases
from simulator_client import Space

ENDPOINTS = {
    "openai.chat.completions": "/chat/completions",
    "openai.responses": "/responses",
    "openai.embeddings": "/embeddings",
}
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER = {"name": "get_weather", "parameters": SCHEMA, "strict": True}
MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}]
TOOL_CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'},
}
HISTORY = [
    *MESSAGES,
    {"role": "assistant", "content": None, "tool_calls": [TOOL_CALL]},
    {"role": "tool", "tool_call_id": "call_1", "content": "18 degrees"},
]
HEALTHY: list[tuple[str, dict[str, Any]]] = [
    ("/chat/completions", {"model": "gpt-4o", "messages": MESSAGES}),
    ("/chat/completions", {"model": "gpt-4.1", "messages": MESSAGES, "temperature": 0.7}),
    ("/chat/completions", {"model": "gpt-5", "messages": MESSAGES}),
    ("/chat/completions", {"model": "o3", "messages": MESSAGES, "max_completion_tokens": 4000}),
    ("/chat/completions", {"model": "gpt-4o", "messages": MESSAGES, "max_tokens": 500}),
    (
        "/chat/completions",
        {
            "model": "gpt-4o",
            "messages": HISTORY,
            "tools": [{"type": "function", "function": WEATHER}],
        },
    ),
    (
        "/chat/completions",
        {
            "model": "gpt-4o",
            "messages": MESSAGES,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "place", "strict": True, "schema": SCHEMA},
            },
        },
    ),
    ("/responses", {"model": "gpt-4.1", "input": "hi", "max_output_tokens": 500}),
    ("/responses", {"model": "gpt-5", "input": "hi", "tools": [{"type": "function", **WEATHER}]}),
    ("/embeddings", {"model": "text-embedding-3-small", "input": ["a", "b"], "dimensions": 8}),
]


def post(space: Space, arguments: Mapping[str, Any], path: str) -> Any:
    """Send what the SDK sends for a call with these arguments and `client` options."""
    body = {key: value for key, value in arguments.items() if key != "client"}
    options = arguments.get("client", {})
    base_url = space.base_url
    if "azure" in options.get("base_url", "") or "api_version" in options:
        base_url = f"{space.url}/openai/deployments/{body['model']}"
    with openai.OpenAI(
        base_url=base_url,
        api_key="k",
        max_retries=0,
        timeout=options.get("timeout", 600),
        default_query={"api-version": options.get("api_version", "2024-10-21")},
    ) as client:
        return client.post(path, body=body, cast_to=object)


ERRORS = [name for name, case in cases().items() if case.rule["outcome"]["kind"] == "error"]
SOFT = [name for name, case in cases().items() if case.rule["outcome"]["kind"] == "soft"]
HANGS = [name for name, case in cases().items() if case.rule["outcome"]["kind"] == "hang"]


@pytest.mark.parametrize("name", ERRORS)
def test_error_has_the_documented_status_and_body(name: str, space: Space) -> None:
    """The request of the case meets its rule, and the SDK raises what the case says."""
    case = cases()[name]
    space.rules([name])
    with pytest.raises(openai.APIStatusError) as caught:
        post(space, case.request, ENDPOINTS[case.rule["endpoint"]])
    assert caught.value.status_code == case.rule["outcome"]["http_status"]
    assert caught.value.response.json() == case.rule["outcome"]["body"]
    assert [request["rule"] for request in space.requests()] == [name]


@pytest.mark.parametrize("name", SOFT)
def test_soft_failure_shows_in_the_reply(name: str, space: Space) -> None:
    """The reply to the request of the case contains the documented part."""
    case = cases()[name]
    space.rules([name])
    reply = post(space, case.request, ENDPOINTS[case.rule["endpoint"]])
    assert contains(reply, case.rule["outcome"]["response"])


@pytest.mark.parametrize("name", HANGS)
def test_hang_outlasts_the_patience_of_the_client(name: str, space: Space) -> None:
    """A failure that the client itself raises is a request without an answer."""
    case = cases()[name]
    impatient = {**case.request, "client": {"timeout": 0.2}}
    space.rules([name])
    with pytest.raises(openai.APITimeoutError):
        post(space, impatient, ENDPOINTS[case.rule["endpoint"]])
    [request] = space.requests()
    assert (request["rule"], request["status"]) == (name, None)


def test_every_kind_of_outcome_is_among_the_cases() -> None:
    """All cases are tried by one of the tests above, and there are as many as documented."""
    assert len(ERRORS) + len(SOFT) + len(HANGS) == len(cases()) == 74
    assert min(len(ERRORS), len(SOFT), len(HANGS)) > 0


def contains(reply: Any, part: Any) -> bool:
    """Whether everything that `part` names is in the reply."""
    if isinstance(part, dict):
        return all(contains(reply[key], value) for key, value in part.items())
    if isinstance(part, list):
        return all(contains(*pair) for pair in zip(reply, part))
    return bool(reply == part)


def test_healthy_requests_meet_no_rule(space: Space) -> None:
    """With the whole catalogue in force, ordinary requests succeed."""
    space.rules(["catalogue"])
    for path, body in HEALTHY:
        assert post(space, body, path)
    assert [request["rule"] for request in space.requests()] == [None] * len(HEALTHY)
