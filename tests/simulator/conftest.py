"""The real SDK against the space of each test, sync and async as one parameter."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Callable

import openai
import pytest

from simulator_client import Space

Call = Callable[[Any], Any]
"""Makes a call with a client: the same expression for the sync and the async one."""


@pytest.fixture
def client(space: Space) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=space.base_url, api_key="k", max_retries=0, timeout=20) as made:
        yield made


@pytest.fixture(params=["sync", "async"])
def ask(request: pytest.FixtureRequest, space: Space) -> Callable[..., Any]:
    """Make a call with either client; a streamed reply is the list of its chunks."""

    def ask_sync(call: Call, kind: Any = openai.OpenAI, **options: Any) -> Any:
        with kind(**_options(space, kind, options)) as made:
            reply = call(made)
            return list(reply) if isinstance(reply, openai.Stream) else reply

    def ask_async(call: Call, kind: Any = openai.OpenAI, **options: Any) -> Any:
        async def run() -> Any:
            twin = getattr(openai, f"Async{kind.__name__}")
            async with twin(**_options(space, kind, options)) as made:
                reply = await call(made)
                if isinstance(reply, openai.AsyncStream):
                    return [chunk async for chunk in reply]
                return reply

        return asyncio.run(run())

    return ask_sync if request.param == "sync" else ask_async


def _options(space: Space, kind: Any, options: dict[str, Any]) -> dict[str, Any]:
    if kind is openai.AzureOpenAI:
        place = {"azure_endpoint": space.url, "api_version": "2024-10-21"}
    else:
        place = {"base_url": space.base_url}
    return {**place, "api_key": "k", "max_retries": 0, "timeout": 20, **options}
