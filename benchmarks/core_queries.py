"""What REST takes on a full store: `python -m benchmarks.core_queries FOLDER`.

The folder is one that `benchmarks.history` has filled. A Core of its own is asked over HTTP, on one
connection, one question after the other. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import psutil

from core.core_process import CoreProcess, core

_TIMES = 20
PATTERN = {
    "name": "cooler",
    "pattern": {"temperature": {">": 0.5}},
    "fix": {"temperature": {"clamp": {"high": 0.5}}},
}


class Asked:
    """A Core that answers, and what its answers take."""

    def __init__(self, running: CoreProcess) -> None:
        self._process = psutil.Process(running.process.pid)
        self._connection = HTTPConnection(urlsplit(running.http_url).netloc, timeout=120)

    def get(self, path: str, **parameters: Any) -> Any:
        """Return the JSON that a path answers."""
        return self._ask("GET", f"{path}?{urlencode(parameters)}", None)

    def post(self, path: str, body: Any) -> Any:
        """Return the JSON that a path answers to a body."""
        return self._ask("POST", path, json.dumps(body))

    def _ask(self, method: str, path: str, body: str | None) -> Any:
        headers = {} if body is None else {"Content-Type": "application/json"}
        self._connection.request(method, f"/api/v1/{path}", body, headers)
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


def ask(asked: Asked, now: datetime) -> None:
    """Ask what people and programs ask."""
    rng = random.Random(3)
    day = (now - timedelta(days=1)).isoformat()
    page = asked.get("calls", limit=1000)["calls"]
    past = (now - timedelta(hours=12)).isoformat()
    old = asked.get("calls", limit=1000, until=past)["calls"]
    picked = [rng.choice(page + old) for _ in range(_TIMES)]
    asked.timed(
        "failure groups of the last day", lambda _: asked.get("failures", since=day), times=7
    )
    asked.timed("statistics of a day", lambda _: asked.get("statistics", since=day), times=7)
    asked.timed("one trace", lambda n: asked.get(f"traces/{picked[n]['trace_id']}"))
    asked.timed("one call", lambda n: asked.get(f"calls/{picked[n]['span_id']}"))
    asked.timed("newest 100 calls", lambda _: asked.get("calls", limit=100))
    asked.timed("100 calls, 12 hours back", lambda n: asked.get("calls", limit=100, until=past))
    asked.timed("newest 100 failed calls", lambda _: asked.get("calls", limit=100, failed="true"))
    asked.timed(
        "replay of a pattern", lambda _: asked.post("replay", {"document": PATTERN}), times=3
    )


def main() -> None:
    """Ask the store in a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.0f}")
    with core(arguments.folder) as running:
        asked = Asked(running)
        ask(asked, datetime.now(timezone.utc))
        print(f"memory {asked.memory():.0f} MB")


if __name__ == "__main__":
    main()
