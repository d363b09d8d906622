"""How fast the embedded call store takes calls and answers: `python -m benchmarks.core_storage`.

`--calls` is how many to fill it with, 10,000,000 for the figures of the project's goals.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from arc_core.collector.foreign import UNKNOWN
from arc_core.model.calls import COLUMNS, CallBatch
from arc_core.storage import CallQuery, CallStore, open_call_store

PROJECT = "default"
MODELS = ["gpt-4.1", "gpt-4.1-mini", "gpt-5", "o4-mini", "claude-opus-4-8", "gemini-3-pro"]
SERVICES = [f"service-{number}" for number in range(20)]
ERRORS = [
    (400, "unsupported_value", "temperature", "Unsupported value: 'temperature' does not support"),
    (400, "context_length_exceeded", "messages", "This model's maximum context length is 128000"),
    (429, "rate_limit_exceeded", "", "Rate limit reached for requests"),
    (500, "", "", "The server had an error while processing your request"),
]
WORDS = ["".join(parts) for parts in itertools.product("btkmls", "aeiou", "nrt", ("", "ing"))]

REQUEST = '{"model": "gpt-4.1", "temperature": 0.5, "messages": [{"role": "user", "content": ""}]}'


def bodies(rng: random.Random, count: int = 4000) -> list[str]:
    """Return texts of about 2 KB that compress as English does, but not to nothing."""
    return [
        json.dumps(
            {
                "gen_ai.input.messages": " ".join(rng.choices(WORDS, k=300)),
                "id": rng.randbytes(16).hex(),
                "gen_ai.output.messages": " ".join(rng.choices(WORDS, k=110)),
            }
        )
        for _ in range(count)
    ]


class Calls:
    """Makes up calls that started evenly over a day up to now, four of a hundred failing."""

    def __init__(self, total: int, *, spread_s: int = 86_400) -> None:
        self._rng = random.Random(7)
        self._bodies = bodies(self._rng)
        self._step_us = spread_s * 1_000_000 // total
        self._now = int(time.time() * 1e6)
        self._time = self._now - self._step_us * total
        self.trace_ids: list[str] = []

    def batch(self, rows: int) -> CallBatch:
        """Return the next calls, four to a trace."""
        rng, batch = self._rng, CallBatch()
        trace_id = ""
        for number in range(rows):
            self._time += self._step_us
            if number % 4 == 0:
                trace_id = rng.randbytes(16).hex()
            error = rng.choice(ERRORS) if rng.random() < 0.044 else None
            model = rng.choice(MODELS)
            values: dict[str, Any] = {
                "project": PROJECT, "start_time": self._time, "received_at": self._now,
                "trace_id": trace_id, "span_id": rng.randbytes(8).hex(), "parent_span_id": "",
                "session": trace_id[:8], "service": rng.choice(SERVICES), "runtime_id": "r1",
                "runtime_version": "0.1", "patterns_revision": "5", "provider": "openai",
                "operation": "chat", "api": "chat_completions", "request_model": model,
                "response_model": model, "response_id": "chatcmpl-" + rng.randbytes(12).hex(),
                "stream": rng.random() < 0.5, "temperature": round(rng.random(), 1),
                "max_tokens": rng.choice([256, 1024, None]), "failed": error is not None,
                "error_type": "openai.BadRequestError" if error else "",
                "status_code": error[0] if error else None, "error_code": error[1] if error else "",
                "error_param": error[2] if error else "",
                "error_message": error[3] if error else "",
                "finish_reasons": [] if error else ["stop"],
                "input_tokens": rng.randrange(100, 9000), "output_tokens": rng.randrange(1, 2000),
                "duration_ms": rng.random() * 9000, "overhead_us": rng.random() * 40,
                "pattern_ids": [], "pattern_revisions": [], "fix_outcome": "none", "fix_fields": [],
                "fix_diff": "", "attributes": '{"server.address": "api.openai.com"}',
                "failure_kinds": [], "failure_signature": error[1] or "other" if error else "",
                "error_template": error[3] if error else "", "rollout_id": "", "rollout_stage": "",
                "rollout_arm": "", "request": REQUEST,
                "body": rng.choice(self._bodies),
            }  # fmt: skip
            batch.append(
                [values.get(each.name, unknown) for each, unknown in zip(COLUMNS, UNKNOWN)]
            )
        self.trace_ids.append(trace_id)
        return batch


def cpu_s() -> float:
    """Return the time that all threads of this process have computed."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def memory_mb(field: str) -> float:
    """Return a field of the kernel's account of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def fill(store: CallStore, calls: Calls, total: int, rows: int) -> str:
    """Insert calls; return what that took, without the time to make them up."""
    making = 0.0
    latencies = []
    began = cpu_s()
    for number in range(total // rows):
        before = time.thread_time()
        batch = calls.batch(rows)
        making += time.thread_time() - before
        started = time.perf_counter()
        store.insert(batch, token=f"{rows}-{number}")
        latencies.append(time.perf_counter() - started)
    wall = sum(latencies)
    cpu = cpu_s() - began - making  # what the engine does in the background included
    done = total // rows * rows
    latencies.sort()
    return (
        f"{done:>10,} calls in batches of {rows:>5}: {done / cpu:>7,.0f} per core's second"
        f" ({cpu / done * 1e6:.0f} us), {done / wall:>7,.0f}/s here, batch p50"
        f" {latencies[len(latencies) // 2] * 1e3:.0f} ms, p99"
        f" {latencies[int(len(latencies) * 0.99)] * 1e3:.0f} ms"
    )


def timed(name: str, times: int, question: Callable[[int], object]) -> None:
    """Print how long a question takes, and what it computes on all cores together."""
    took, computed = [], cpu_s()
    for number in range(times):
        started = time.perf_counter()
        question(number)
        took.append((time.perf_counter() - started) * 1e3)
    print(
        f"{name:40} median {statistics.median(took):6.0f} ms, worst {max(took):6.0f} ms,"
        f" {(cpu_s() - computed) / times * 1e3:6.0f} ms of computing"
    )


def file_us(folder: Path) -> float:
    """Return what a new file costs: an insert makes two dozen, and file systems differ widely."""
    began = cpu_s()
    for number in range(200):
        (folder / f"file-{number}").write_bytes(b"x")
    took = (cpu_s() - began) / 200 * 1e6
    for number in range(200):
        (folder / f"file-{number}").unlink()
    return took


def ask(folder: Path, trace_ids: list[str]) -> None:
    """Open the filled store and print what questions take."""
    started = time.perf_counter()
    store = open_call_store(None, folder)
    info = store.info()
    print(
        f"start, import of the engine included     {(time.perf_counter() - started) * 1e3:.0f} ms"
    )
    print(
        f"{info.calls:,} calls, {info.size_bytes / 1e6:,.0f} MB,"
        f" {info.size_bytes / info.calls:.0f} bytes each"
    )
    now = datetime.now(timezone.utc)
    day = now - timedelta(days=1)
    timed("failure groups of the last day", 5, lambda _: store.failure_groups(PROJECT, day, now))
    timed("statistics of the last day", 5, lambda _: store.statistics(PROJECT, day, now, 300))
    timed("newest 100 calls", 5, lambda _: store.calls(PROJECT, CallQuery()))
    timed("newest 100 failed calls", 5, lambda _: store.calls(PROJECT, CallQuery(failed=True)))
    picked = random.Random(3).choices(trace_ids, k=20)
    timed("one trace with bodies", 20, lambda n: store.trace(PROJECT, picked[n]))
    print(
        f"memory: {memory_mb('VmRSS'):.0f} MB resident, {memory_mb('RssAnon'):.0f} MB of it private"
    )
    store.close()


def main() -> None:
    """Fill a store and ask it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=200_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--ask", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.ask:
        ask(arguments.folder, json.loads(arguments.ask.read_text()))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        print(f"a new file in this folder costs {file_us(folder):.0f} us")
        store = open_call_store(None, folder)
        calls = Calls(arguments.calls)
        small = min(arguments.calls // 4, 200_000)
        print(fill(store, calls, small, 512))
        print(fill(store, calls, arguments.calls - small, 8192))
        print(f"peak memory while filling: {memory_mb('VmHWM'):.0f} MB")
        store.close()
        traces = folder / "traces.json"
        traces.write_text(json.dumps(calls.trace_ids))
        command = [sys.executable, "-m", "benchmarks.core_storage", "--ask", str(traces)]
        root = Path(__file__).parent.parent
        subprocess.run([*command, "--folder", str(folder)], check=True, cwd=root)


if __name__ == "__main__":
    main()
