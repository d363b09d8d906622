"""Many clients at once are all served."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from typing import Any

import openai

from simulator_client import Space

HI: Any = [{"role": "user", "content": "hi"}]


def test_async_calls_do_not_wait_for_each_other(space: Space) -> None:
    """A thousand requests sit out their latency together, not one after the other."""
    space.settings(latency_ms=50)

    async def send(host: str, port: int, path: str) -> bytes:
        body = b'{"model": "gpt-4o", "input": "hi", "store": false}'
        head = (
            f"POST {path}/responses HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer k\r\n"
            f"connection: close\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(head.encode() + body)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer

    async def run() -> list[bytes]:
        address, _, path = space.base_url.partition("//")[2].partition("/")
        host, _, port = address.partition(":")
        calls = (send(host, int(port), f"/{path}") for _ in range(1000))
        # one after the other they would take twice as long as this
        return await asyncio.wait_for(asyncio.gather(*calls), 25)

    answers = asyncio.run(run())
    assert all(answer.startswith(b"HTTP/1.1 200") for answer in answers)
    assert len(space.requests()) == 1000


def test_threads_do_not_wait_for_each_other(space: Space, client: openai.OpenAI) -> None:
    """64 threads that each wait a second are all served within a few."""
    space.settings(latency_ms=1000)
    gate = threading.Barrier(64)

    def call(_: int) -> Any:
        gate.wait(10)
        return client.chat.completions.create(model="gpt-4o", messages=HI).choices

    with concurrent.futures.ThreadPoolExecutor(64) as threads:
        assert all(threads.map(call, range(64), timeout=15))
