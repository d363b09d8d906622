"""What REST takes on a full store: `python -m benchmarks.core_queries FOLDER`.

The folder is one that `benchmarks.history` has filled. A Core of its own is asked over HTTP, on one
connection, one question after the other. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import statistics
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psutil

_TIMES = 20


class Asked:
    """A Core that answers, and what its answers take."""

    def __init__(self, pid: int, port: int) -> None:
        self._process = psutil.Process(pid)
        self._connection = HTTPConnection("127.0.0.1", port, timeout=120)

    def get(self, path: str, **parameters: Any) -> Any:
        """Return the JSON that a path answers."""
        query = urllib.parse.urlencode(parameters)
        self._connection.request("GET", f"/api/v1/{path}?{query}")
        reply = self._connection.getresponse()
        content = reply.read()
        assert reply.status == 200, content
        return json.loads(content)

    def timed(self, name: str, ask: Callable[[int], Any], *, times: int = _TIMES) -> None:
        """Print how long a question takes, and what Core computes for it."""
        took = []
        before = self._computed()
        for number in range(times):
            started = time.perf_counter()
            ask(number)
            took.append((time.perf_counter() - started) * 1e3)
        each = (self._computed() - before) / times * 1e3
        print(
            f"{name:44} median {statistics.median(took):6.0f} ms, worst {max(took):6.0f},"
            f" best {min(took):6.0f}; {each:6.0f} ms of computing",
            flush=True,
        )

    def memory(self) -> float:
        """Return resident MB."""
        return float(self._process.memory_info().rss) / 1e6

    def _computed(self) -> float:
        used = self._process.cpu_times()
        return float(used.user + used.system)


@contextmanager
def core(folder: Path) -> Iterator[Asked]:
    """Start a Core over the folder."""
    command = [sys.executable, "-m", "arc_cli", "core", "--data", str(folder)]
    started = time.perf_counter()
    with subprocess.Popen(
        [*command, "--port", "0", "--http-port", "0"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            port = 0
            for line in process.stdout:
                found = re.search(r"http://127\.0\.0\.1:(\d+)/api", line)
                port = int(found[1]) if found else port
                if line.startswith("  next "):
                    break
            print(f"ready after {time.perf_counter() - started:.2f} s")
            yield Asked(process.pid, port)
        finally:
            process.terminate()


def ask(asked: Asked, now: datetime) -> None:
    """Ask what people and programs ask."""
    rng = random.Random(3)
    day = (now - timedelta(days=1)).isoformat()
    page = asked.get("calls", limit=1000)["calls"]
    old = asked.get("calls", limit=1000, until=(now - timedelta(hours=12)).isoformat())["calls"]
    picked = [rng.choice(page + old) for _ in range(_TIMES)]
    asked.timed(
        "failure groups of the last day", lambda _: asked.get("failures", since=day), times=7
    )
    asked.timed("statistics of a day", lambda _: asked.get("statistics", since=day), times=7)
    asked.timed("one trace", lambda n: asked.get(f"traces/{picked[n]['trace_id']}"))
    asked.timed("one call", lambda n: asked.get(f"calls/{picked[n]['span_id']}"))
    asked.timed("newest 100 calls", lambda _: asked.get("calls", limit=100))
    asked.timed("newest 100 failed calls", lambda _: asked.get("calls", limit=100, failed="true"))


def main() -> None:
    """Ask the store in a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.0f}")
    with core(arguments.folder) as asked:
        ask(asked, datetime.now(timezone.utc))
        print(f"memory {asked.memory():.0f} MB")


if __name__ == "__main__":
    main()
