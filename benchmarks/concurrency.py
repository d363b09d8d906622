"""Threads and gathered async calls against a server that takes 50 ms, with Arc and without."""

from __future__ import annotations

import asyncio
import statistics
import uuid
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any, Callable, List

import openai

from arc_simulator.launch import launch
from runtime import Arc
from simulator_client import Simulator, Space

REQUEST = {
    "model": "gpt-4.1",
    "messages": [{"role": "user", "content": "Hi"}],
    "temperature": 0.95,
}
ROUNDS = 7


def main() -> None:
    """Print the ratio of the times with Arc to those without, in alternating rounds."""
    with launch() as url:
        space = Simulator(url).space(uuid.uuid4().hex)
        space.settings(latency_ms=50, keep_requests=1)
        _compare("64 threads on one client, 10 calls each", lambda: _threads(space))
        _compare("1,000 gathered async calls", lambda: asyncio.run(_gathered(space)))


def _compare(name: str, run: Callable[[], Any]) -> None:
    ratios: List[float] = []
    seconds: List[float] = []
    run()
    for _ in range(ROUNDS):
        without = _time(run)
        arc = Arc(endpoint="", metrics_port=0, log_level="WARNING")
        protected = _time(run)
        arc.shutdown()
        ratios.append(protected / without)
        seconds.append(without)
    print(
        f"{name:42} ratio {statistics.median(ratios):.3f} "
        f"(from {min(ratios):.3f} to {max(ratios):.3f}; {statistics.median(seconds):.2f} s without)"
    )


def _time(run: Callable[[], Any]) -> float:
    started_at = perf_counter()
    run()
    return perf_counter() - started_at


def _threads(space: Space) -> None:
    with openai.OpenAI(base_url=space.base_url, api_key="k") as client:

        def calls(_: int) -> None:
            for _ in range(10):
                client.chat.completions.create(**REQUEST)  # type: ignore[call-overload]

        with ThreadPoolExecutor(64) as pool:
            list(pool.map(calls, range(64)))


async def _gathered(space: Space) -> None:
    async with openai.AsyncOpenAI(base_url=space.base_url, api_key="k") as client:
        create: Any = client.chat.completions.create
        await asyncio.gather(*(create(**REQUEST) for _ in range(1000)))


if __name__ == "__main__":
    main()
