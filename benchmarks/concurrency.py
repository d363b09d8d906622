"""Threads and gathered async calls against a slow server, with Arc and without.

Against one that takes 50 ms, 64 threads need more than one core of most machines: what Arc computes
then shows as time. Against one that takes 250 ms they do not, and only what holds calls up shows.
The server, and a receiver of telemetry, share one core; the client has the other for itself. Where
the system cannot pin processes to cores, all compete for all.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from time import perf_counter, process_time
from typing import Any, Callable, ContextManager, Dict, Iterator, List, NamedTuple

import openai

from arc_simulator.launch import launch
from benchmarks.by_hand import match_copy_append, match_copy_append_async
from runtime import Arc
from simulator_client import Simulator, Space

REQUEST = {
    "model": "gpt-4.1",
    "messages": [{"role": "user", "content": "Hi"}],
    "temperature": 0.95,
}
ROUNDS = 7
_RECEIVER = """
import sys
sys.path[:0] = {path!r}
from telemetry.receiver import Receiver
with Receiver() as receiver:
    print(receiver.endpoint, flush=True)
    sys.stdin.read()
"""


class Run(NamedTuple):
    """What the calls of one round took."""

    seconds: float
    cpu_s: float
    """Of all threads of the client, and until all telemetry was delivered."""


def main() -> None:
    """Print ratios to the time without Arc, of rounds that alternate."""
    _pin(1)
    with launch() as url, _receiver() as endpoint:
        _pin(0)
        space = Simulator(url).space(uuid.uuid4().hex)
        print(f"{'ratio of the medians (median of the ratios)':44}{'time':>16}{'CPU':>16}")
        space.settings(latency_ms=250, keep_requests=1)
        _compare("64 threads, 8 calls of 250 ms each", endpoint, lambda: _threads(space, 8))
        space.settings(latency_ms=50, keep_requests=1)
        _compare("64 threads on one client, 10 calls each", endpoint, lambda: _threads(space, 10))
        _compare("1,000 gathered async calls", endpoint, lambda: asyncio.run(_gathered(space)))
        _compare(
            "64 threads, 40 calls each", endpoint, lambda: _threads(space, 40), rounds=ROUNDS // 3
        )


def _compare(name: str, endpoint: str, run: Callable[[], Any], *, rounds: int = ROUNDS) -> None:
    ways: Dict[str, Callable[[], ContextManager[Callable[[], bool]]]] = {
        "without": _nothing,
        "without, again: the noise": _nothing,
        "match, copy, append by hand": _by_hand,
        "with Arc, no telemetry sent": lambda: _arc(""),
        "with Arc and a receiver": lambda: _arc(endpoint),
    }
    taken: Dict[str, List[Run]] = {way: [] for way in ways}
    run()
    for n in range(rounds):
        # each way comes first as often as last: what a round leaves behind burdens the next one
        order = list(ways.items())
        order = order[n % len(order) :] + order[: n % len(order)]
        for way, prepared in order if n % 2 else reversed(order):
            with prepared() as flush:
                taken[way].append(_measure(run, flush))
    base = taken["without"]
    seconds = statistics.median(each.seconds for each in base)
    cpu = statistics.median(each.cpu_s / each.seconds for each in base)
    print(f"{name}: {seconds:.2f} s and {cpu:.0%} of a core without, {rounds} rounds")
    for way, runs in taken.items():
        if way != "without":
            print(f"  {way:42}{_ratio(base, runs, 0)}{_ratio(base, runs, 1)}")


def _ratio(base: List[Run], runs: List[Run], at: int) -> str:
    of_medians = statistics.median(r[at] for r in runs) / statistics.median(b[at] for b in base)
    of_pairs = statistics.median(run[at] / other[at] for run, other in zip(runs, base))
    return f"{of_medians:8.3f} ({of_pairs:.3f})"


@contextmanager
def _nothing() -> Iterator[Callable[[], bool]]:
    yield lambda: True


@contextmanager
def _by_hand() -> Iterator[Callable[[], bool]]:
    sync, asynchronous = openai.OpenAI.request, openai.AsyncOpenAI.request
    openai.OpenAI.request = match_copy_append(sync)  # type: ignore[method-assign]
    openai.AsyncOpenAI.request = match_copy_append_async(asynchronous)  # type: ignore[method-assign]
    try:
        yield lambda: True
    finally:
        openai.OpenAI.request = sync  # type: ignore[method-assign]
        openai.AsyncOpenAI.request = asynchronous  # type: ignore[method-assign]


@contextmanager
def _arc(endpoint: str) -> Iterator[Callable[[], bool]]:
    arc = Arc(endpoint=endpoint, metrics_port=0, log_level="WARNING")
    try:
        _warm_up(arc)
        yield lambda: arc.flush(30)
    finally:
        arc.shutdown()


def _measure(run: Callable[[], Any], flush: Callable[[], bool]) -> Run:
    started_at, cpu_at = perf_counter(), process_time()
    run()
    seconds = perf_counter() - started_at
    assert flush()
    return Run(seconds, process_time() - cpu_at)


def _warm_up(arc: Arc) -> None:
    """Let Arc start and connect, as it has in an application that runs."""
    client = openai.OpenAI(base_url="http://localhost:9", api_key="k", max_retries=0)
    try:
        client.chat.completions.create(**REQUEST)  # type: ignore[call-overload]
    except openai.APIConnectionError:
        assert arc.flush(30)


def _threads(space: Space, count: int) -> None:
    with openai.OpenAI(base_url=space.base_url, api_key="k") as client:

        def calls(_: int) -> None:
            for _ in range(count):
                client.chat.completions.create(**REQUEST)  # type: ignore[call-overload]

        with ThreadPoolExecutor(64) as pool:
            list(pool.map(calls, range(64)))


async def _gathered(space: Space) -> None:
    async with openai.AsyncOpenAI(base_url=space.base_url, api_key="k") as client:
        create: Any = client.chat.completions.create
        await asyncio.gather(*(create(**REQUEST) for _ in range(1000)))


@contextmanager
def _receiver() -> Iterator[str]:
    """Run a receiver of telemetry in a process of its own; give its endpoint."""
    command = [sys.executable, "-c", _RECEIVER.format(path=sys.path[:2])]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()


def _pin(core: int) -> None:
    """Leave one core to this process and those that it starts from now on."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {core})


if __name__ == "__main__":
    main()
