"""Every playable case of the catalogue fails on its own trigger and on nothing healthy."""

from __future__ import annotations

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
HEALTHY: list[tuple[str, dict[str, Any]]] = [
    (
        "/chat/completions",
        {
            "model": model,
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "hi"},
            ],
        },
    )
    for model in ("gpt-4o", "gpt-4.1", "gpt-5", "o3")
] + [
    ("/responses", {"model": "gpt-4.1", "input": "hi"}),
    ("/embeddings", {"model": "text-embedding-3-small", "input": ["a", "b"]}),
]


def post(space: Space, case_request: dict[str, Any], path: str) -> Any:
    """Send what the SDK would send for a call with these arguments."""
    request = dict(case_request)
    options = request.pop("client", {})
    body = {**request, **request.pop("extra_body", {})}
    body.pop("extra_body", None)
    version = options.get("api_version", "2024-10-21")
    is_azure = "azure" in options.get("base_url", "") or "api_version" in options
    base_url = f"{space.url}/openai" if is_azure else space.base_url
    if is_azure and path == "/chat/completions":
        base_url += f"/deployments/{body['model']}"
    with openai.OpenAI(
        base_url=base_url, api_key="k", max_retries=0, default_query={"api-version": version}
    ) as client:
        return client.post(
            path,
            body=body,
            cast_to=object,
            options={"headers": {"x-stainless-read-timeout": str(options.get("timeout", 600))}},
        )


@pytest.mark.parametrize("name", sorted(cases()))
def test_case_fires_on_its_trigger(name: str, space: Space) -> None:
    """The request of the case gets the documented status and body."""
    case = cases()[name]
    outcome = case.rule["outcome"]
    if outcome["kind"] == "hang":
        pytest.skip("the client gives up before anything is sent back")
    space.rules([name])
    try:
        reply = post(space, dict(case.request), ENDPOINTS[case.rule["endpoint"]])
    except openai.APIStatusError as error:
        assert error.status_code == outcome["http_status"]
        assert error.response.json() == outcome["body"]
    else:
        assert outcome["kind"] == "soft"
        expected = outcome["response"]["choices"][0]["finish_reason"]
        if not case.request.get("stream"):
            assert reply["choices"][0]["finish_reason"] == expected
    assert space.requests()[0]["rule"] == name


def test_healthy_requests_meet_no_rule(space: Space) -> None:
    """With the whole catalogue in force, ordinary requests succeed."""
    space.rules(["catalogue"])
    for path, body in HEALTHY:
        assert post(space, body, path)
    assert [request["rule"] for request in space.requests()] == [None] * len(HEALTHY)
