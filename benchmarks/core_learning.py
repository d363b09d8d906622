"""Learning beside 5,000 calls a second: `python -m benchmarks.core_learning FOLDER`.

The folder is one that `benchmarks.history` has filled. Core runs on one processor core, the sender
on another. After some time a provider begins to refuse a parameter of one model; the benchmark says
what became of the acknowledgements, what Core computed before and after, and when the pattern came.
Linux only.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import time
import urllib.error
import urllib.request
from collections import Counter
from http import HTTPStatus
from pathlib import Path
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks.core_ingest import (
    EXPORT,
    ID_OF_SPAN,
    ID_OF_TRACE,
    core,
    cpu_s,
    fill,
    renewed,
    resident_mb,
)
from benchmarks.core_ingest import call as made_up

SPANS = 512
TEMPLATES = 24
MODEL = "zeta-9"
PATTERN = f"openai-{MODEL}-temperature-unsupported"
"""What Core calls the pattern for its new rule."""
MESSAGE = (
    "Unsupported value: 'temperature' does not support {} with this model. Only the default (1)"
    " value is supported."
)


def templates(rng: random.Random, *, ruled: bool) -> list[bytearray]:
    """Return requests as Arc Runtime sends them; `ruled`: the new model refuses temperatures."""
    return [bytearray(_request(rng, ruled=ruled).SerializeToString()) for _ in range(TEMPLATES)]


def _request(rng: random.Random, *, ruled: bool) -> ExportTraceServiceRequest:
    made = ExportTraceServiceRequest()
    sent = made.resource_spans.add()
    runtime = rng.randbytes(16).hex()
    fill(
        sent.resource.attributes,
        {"service.name": f"service-{rng.randrange(20)}", "arc.runtime.id": runtime},
    )
    scope = sent.scope_spans.add()
    scope.scope.name = "arc"
    for _ in range(SPANS):
        span = scope.spans.add(
            trace_id=ID_OF_TRACE,
            span_id=ID_OF_SPAN,
            start_time_unix_nano=int.from_bytes(b"START-AT", "little"),
            end_time_unix_nano=int.from_bytes(b"ENDED-AT", "little"),
            kind=3,
        )
        told = made_up(rng)
        if rng.random() < 0.05:
            told["gen_ai.request.model"] = MODEL
        asked: dict[str, Any] = {
            "model": told["gen_ai.request.model"],
            "messages": [
                {"role": "user", "content": f"sha256:{rng.randbytes(8).hex()} (1500 characters)"}
            ],
            "max_tokens": told["gen_ai.request.max_tokens"],
        }
        if rng.random() < 0.6:
            asked["temperature"] = told["gen_ai.request.temperature"]
        else:
            del told["gen_ai.request.temperature"]
        told["arc.request"] = json.dumps(asked)
        if ruled and asked["model"] == MODEL and asked.get("temperature", 1) != 1:
            span.status.code = 2
            span.status.message = MESSAGE.format(asked["temperature"])
            del told["gen_ai.output.messages"]
            told |= {
                "error.type": "openai.BadRequestError", "http.response.status_code": 400,
                "arc.error.code": "unsupported_value", "arc.error.param": "temperature",
            }  # fmt: skip
        for name in ("arc.pattern.ids", "arc.pattern.revisions", "arc.fix.outcome"):
            del told[name]
        for name in ("arc.fix.fields", "arc.fix.diff"):
            del told[name]
        fill(span.attributes, told)
        span.name = f"chat {told['gen_ai.request.model']}"
    return made


async def send(port: int, payloads: list[bytearray], rate: float, seconds: float) -> list[float]:
    """Send so many calls a second, come what may; return seconds until each acknowledgement."""
    rng = random.Random()
    channels = [
        grpc.aio.insecure_channel(
            f"127.0.0.1:{port}", options=[("grpc.use_local_subchannel_pool", 1)]
        )
        for _ in range(4)
    ]
    took: list[float] = []
    refused: Counter[str] = Counter()

    async def one(number: int, due: float) -> None:
        payload = renewed(payloads[rng.randrange(len(payloads))], rng)
        try:
            await channels[number % len(channels)].unary_unary(EXPORT)(payload)
        except grpc.aio.AioRpcError as problem:
            refused[problem.code().name] += 1
        else:
            took.append(time.monotonic() - due)

    began = time.monotonic()
    under_way = set()
    for number in range(int(seconds * rate / SPANS)):
        due = began + number * SPANS / rate
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        task = asyncio.create_task(one(number, due))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
    await asyncio.gather(*under_way)
    lasted_s = time.monotonic() - began
    for channel in channels:
        await channel.close()
    print(f"  {len(took) * SPANS / lasted_s:,.0f} calls/s taken, refused: {dict(refused)}")
    return took


def learned(http_port: int) -> dict[str, Any] | None:
    """Return the pattern for the new rule, if there is one."""
    url = f"http://127.0.0.1:{http_port}/api/v1/patterns/{PATTERN}"
    try:
        with urllib.request.urlopen(url, timeout=60) as reply:
            found: dict[str, Any] = json.load(reply)
    except urllib.error.HTTPError as problem:
        if problem.code != HTTPStatus.NOT_FOUND:
            raise
        return None
    return found


async def watch(http_port: int, began: float) -> None:
    """Say when the pattern is there."""
    while True:
        found = await asyncio.to_thread(learned, http_port)
        if found is not None:
            print(
                f"  learned {time.monotonic() - began:.1f} s after the first failing call was sent:"
                f" {found['state']}",
                flush=True,
            )
            return
        await asyncio.sleep(0.5)


async def phase(
    name: str, pid: int, ports: tuple[int, int], payloads: list[bytearray], rate: float, s: float
) -> None:
    """Send for a while, and print what it took."""
    print(name)
    before, began = cpu_s(pid), time.monotonic()
    watching = asyncio.create_task(watch(ports[1], began))
    took = sorted(await send(ports[0], payloads, rate, s))
    lasted_s, used = time.monotonic() - began, cpu_s(pid)
    watching.cancel()
    used.subtract(before)
    parts = ", ".join(f"{part} {u / lasted_s:.2f}" for part, u in used.most_common(4))
    print(
        f"  acknowledged after {statistics.median(took) * 1e3:.0f} ms in the median,"
        f" {took[int(len(took) * 0.99)] * 1e3:.0f} ms P99, {took[-1] * 1e3:.0f} ms worst;"
        f" {used.total() / lasted_s:.2f} of a core: {parts}; {resident_mb(pid):.0f} MB",
        flush=True,
    )


async def run(pid: int, ports: tuple[int, int], rate: float, seconds: float) -> None:
    """Healthy calls alone, then with the new rule."""
    rng = random.Random(5)
    healthy, ruled = templates(rng, ruled=False), templates(rng, ruled=True)
    await phase("healthy calls", pid, ports, healthy, rate, seconds / 2)
    await phase("with a new rule", pid, ports, ruled, rate, seconds)


def main() -> None:
    """Run over the store in a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rate", type=float, default=5000)
    parser.add_argument("--seconds", type=float, default=40)
    arguments = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    print(f"load {os.getloadavg()[0]:.0f}")
    with core(str(arguments.folder), cores[0]) as (pid, *ports):
        os.sched_setaffinity(0, {cores[-1]})
        asyncio.run(run(pid, (ports[0], ports[1]), arguments.rate, arguments.seconds))


if __name__ == "__main__":
    main()
