"""Spans per second from OTLP to acknowledged storage: `python -m benchmarks.core_ingest`.

`arc core` with its embedded store runs in a process of its own on one processor core, the senders
in this one on another. Every call has ids of its own and about 2 KB of messages. Linux only.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import ArrayValue

from arc_core.storage import open_call_store

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
WAITING_CALLS = 16 * 1024
"""Calls under way at any time, in however many requests."""
DISTINCT_CALLS = 8192
MODELS = ("gpt-4.1", "gpt-4.1-mini", "gpt-5", "o4-mini", "claude-opus-4-8", "gemini-3-pro")
TEXT = (
    "the of and to in is that for it as was with be by on not he his but at are this have from or"
    " had an they which one you were all her she there would their we him been has when who will"
    " no more if out so up said what its about than into them can only other time new some could"
)
ID_OF_TRACE, ID_OF_SPAN = b"TRACE-ID-BENCH-I", b"SPAN-ID-"
_SAMPLES = 12
THREADS = {
    "python": "decoding, Arrow, inserts",
    "ThreadPool": "the engine's parts",
    "MergeMutate": "the engine's merges",
    "event_engine": "gRPC",
}
"""What the threads of Core do, by name."""


def main() -> None:
    """Print spans per second and what they cost for each size of batch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--batches", type=int, nargs="+", default=[512, 64, 16])
    arguments = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    for spans in arguments.batches:
        with tempfile.TemporaryDirectory() as folder:
            with core(folder, cores[0]) as (pid, port, _):
                os.sched_setaffinity(0, {cores[-1]})
                acknowledged = measure(port, pid, spans, arguments.seconds)
            os.sched_setaffinity(0, cores)
            stored(folder, acknowledged)


@contextmanager
def core(folder: str, on_core: int) -> Iterator[tuple[int, int, int]]:
    """Start `arc core` on one processor core; give process id, gRPC port and HTTP port."""
    command = [sys.executable, "-m", "arc_cli", "core", "--data", folder]
    with subprocess.Popen(
        ["taskset", "-c", str(on_core), *command, "--port", "0", "--http-port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            ports: list[int] = []
            for line in process.stdout:
                ports += map(int, re.findall(r"(?:grpc|http)://127\.0\.0\.1:(\d+)", line))
                if line.startswith("  next "):
                    yield process.pid, ports[0], ports[1]
                    return
            raise RuntimeError("Core ended before it was ready.")
        finally:
            process.terminate()


def measure(port: int, pid: int, spans: int, seconds: float) -> int:
    """Send for a while and print the figures; return calls acknowledged."""
    templates = payloads(spans)
    size = sum(map(len, templates)) / len(templates) / spans
    warm, _ = asyncio.run(load(port, templates, spans, seconds / 4))  # the engine takes its memory
    before, started = cpu_s(pid), time.monotonic()
    with sampled(pid, seconds / _SAMPLES) as memory_mb:
        sent, refused = asyncio.run(load(port, templates, spans, seconds))
    took_s, used = time.monotonic() - started, cpu_s(pid)
    used.subtract(before)
    total_s = used.total()
    print(
        f"{spans:4} spans of {size:.0f} B per request: {sent / took_s:7,.0f} spans/s"
        f" with {total_s / took_s:.2f} of a core, {total_s / sent * 1e6:.1f} µs CPU per span"
        f" = {sent / total_s:,.0f} spans per core-second; {refused} requests refused"
    )
    print(f"     resident MB, each time the most: {', '.join(f'{each:.0f}' for each in memory_mb)}")
    parts = (f"{name} {used_s / sent * 1e6:.1f}" for name, used_s in used.most_common())
    print(f"     µs per span: {', '.join(parts)}", flush=True)
    return warm + sent


async def load(
    port: int, templates: list[bytearray], spans: int, seconds: float
) -> tuple[int, int]:
    """Keep requests under way until the time is over; return calls acknowledged and refusals."""
    sent = refused = 0
    deadline = time.monotonic() + seconds
    rng = random.Random()
    channels = [
        grpc.aio.insecure_channel(
            f"127.0.0.1:{port}", options=[("grpc.use_local_subchannel_pool", 1)]
        )
        for _ in range(8)
    ]

    async def sender(number: int) -> None:
        nonlocal sent, refused
        export = channels[number % len(channels)].unary_unary(
            EXPORT, response_deserializer=ExportTraceServiceResponse.FromString
        )
        while time.monotonic() < deadline:
            payload = renewed(templates[rng.randrange(len(templates))], rng)
            try:
                answer = await export(payload)
            except grpc.aio.AioRpcError as problem:
                if problem.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
                    raise
                refused += 1
                await asyncio.sleep(0.1)
                continue
            assert not answer.partial_success.rejected_spans, answer
            sent += spans

    await asyncio.gather(*(sender(number) for number in range(max(8, WAITING_CALLS // spans))))
    for channel in channels:
        await channel.close()
    return sent, refused


def payloads(spans: int) -> list[bytearray]:
    """Return encoded requests whose ids `renewed` replaces."""
    rng = random.Random(7)
    return [
        bytearray(request(spans, rng).SerializeToString())
        for _ in range(max(1, DISTINCT_CALLS // spans))
    ]


def renewed(template: bytearray, rng: random.Random) -> bytes:
    """Return a request with new ids and times."""
    payload = bytearray(template)
    now_ns = time.time_ns()
    at = payload.find(ID_OF_TRACE)
    while at >= 0:
        payload[at : at + 16] = rng.randbytes(16)
        payload[at + 18 : at + 26] = rng.randbytes(8)  # after tag and length of the span's id
        started_at = payload.index(b"\x39START-AT", at)
        duration_ns = rng.randrange(100_000_000, 3_000_000_000)
        struct.pack_into("<Q", payload, started_at + 1, now_ns - duration_ns)
        struct.pack_into("<Q", payload, started_at + 10, now_ns)
        at = payload.find(ID_OF_TRACE, at)
    return bytes(payload)


def request(spans: int, rng: random.Random) -> ExportTraceServiceRequest:
    """Return a request of one Runtime as it would send it."""
    made = ExportTraceServiceRequest()
    sent = made.resource_spans.add()
    runtime = rng.randbytes(16).hex()
    resource = {
        "service.name": f"service-{rng.randrange(20)}", "service.instance.id": runtime,
        "host.name": "worker-7", "process.pid": rng.randrange(100, 9999),
        "telemetry.sdk.name": "arc", "telemetry.sdk.language": "python",
        "telemetry.sdk.version": "0.2.0", "arc.runtime.version": "0.2.0", "arc.runtime.id": runtime,
    }  # fmt: skip
    fill(sent.resource.attributes, resource)
    scope = sent.scope_spans.add()
    scope.scope.name = "arc"
    for _ in range(spans):
        span = scope.spans.add(
            trace_id=ID_OF_TRACE,
            span_id=ID_OF_SPAN,
            start_time_unix_nano=int.from_bytes(b"START-AT", "little"),
            end_time_unix_nano=int.from_bytes(b"ENDED-AT", "little"),
            kind=3,
        )
        fill(span.attributes, call(rng))
        span.name = f"chat {span.attributes[0].value.string_value}"
        if rng.random() < 0.044:
            span.status.code, span.status.message = 2, "Unsupported value: 'temperature'"
            fill(span.attributes, {"error.type": "openai.BadRequestError", "arc.error.code": "x"})
    return made


def call(rng: random.Random) -> dict[str, Any]:
    """Return the attributes of one call."""
    model, words = rng.choice(MODELS), TEXT.split()
    question = " ".join(rng.choices(words, k=300))
    reply = " ".join(rng.choices(words, k=110))
    return {
        "gen_ai.request.model": model, "gen_ai.request.temperature": rng.choice([0, 0.2, 0.7, 1]),
        "gen_ai.request.top_p": 0.5, "gen_ai.request.max_tokens": rng.choice([256, 1024, 4096]),
        "openai.api.type": "chat_completions", "gen_ai.response.id": f"chatcmpl-{rng.random()}",
        "gen_ai.response.model": model, "gen_ai.usage.input_tokens": rng.randrange(20, 4000),
        "gen_ai.usage.output_tokens": rng.randrange(1, 1000),
        "gen_ai.response.finish_reasons": ["stop"], "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai", "server.address": "api.openai.com", "server.port": 443,
        "arc.interception.duration": rng.random() * 1e-5,
        "arc.patterns.revision": "7056344362e02c62", "arc.pattern.ids": ["lower-temperature"],
        "arc.pattern.revisions": [3], "arc.fix.outcome": "applied",
        "arc.fix.fields": ["temperature"],
        "arc.fix.diff": '[{"op": "replace", "path": "/temperature", "value": 0.7}]',
        "gen_ai.output.messages":
            f'[{{"role":"assistant","parts":[{{"type":"text","content":"{reply}"}}]}}]',
        "gen_ai.input.messages":
            f'[{{"role":"user","parts":[{{"type":"text","content":"{question}"}}]}}]',
    }  # fmt: skip


def fill(attributes: Any, described: dict[str, Any]) -> None:
    """Add attributes in OTLP's form."""
    kinds = {str: "string_value", int: "int_value", float: "double_value"}
    for name, value in described.items():
        attribute = attributes.add(key=name)
        if isinstance(value, list):
            attribute.value.array_value.CopyFrom(ArrayValue())
            for each in value:
                setattr(attribute.value.array_value.values.add(), kinds[type(each)], each)
        else:
            setattr(attribute.value, kinds[type(value)], value)


def cpu_s(pid: int) -> Counter[str]:
    """Return the CPU time that a process has used, by kind of thread."""
    used: Counter[str] = Counter()
    for task in Path(f"/proc/{pid}/task").iterdir():
        name, _, rest = (task / "stat").read_text().partition("(")[2].rpartition(")")
        fields = rest.split()
        kind = "event loop" if task.name == str(pid) else THREADS.get(name, "others")
        used[kind] += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return used


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 1e6


@contextmanager
def sampled(pid: int, every_s: float) -> Iterator[list[float]]:
    """Give the most resident memory of each such time, in MB, growing until the end."""
    most: list[float] = []
    ended = threading.Event()

    def watch() -> None:
        began = time.monotonic()
        while not ended.wait(0.5):
            position = int((time.monotonic() - began) / every_s)
            while len(most) <= position:
                most.append(0.0)
            most[position] = max(most[position], resident_mb(pid))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield most
    finally:
        ended.set()
        thread.join()


def stored(folder: str, acknowledged: int) -> None:
    """Say whether everything that was acknowledged is in the store."""
    store = open_call_store(None, Path(folder))
    info = store.info()
    store.close()
    each = info.size_bytes / info.calls
    print(f"     {acknowledged:,} acknowledged, {info.calls:,} stored in {each:.0f} B each")


if __name__ == "__main__":
    main()
