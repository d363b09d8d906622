"""Application processes: the real OpenAI SDK under a real Arc Runtime, driven line by line."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.server.provider import Provider
from telemetry.receiver import free_port

_PROGRAM = """
import logging, sys, threading, time, urllib.request

name, shift_s = sys.argv[1], float(sys.argv[2])
right = time.time_ns
time.time_ns = lambda: right() + int(shift_s * 1e9)

import openai
from runtime import Arc

logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
arc = Arc()
client = openai.OpenAI(max_retries=0)
stop = threading.Event()
loop = None

def call(temperature=0.95, model="gpt-4o"):
    client.chat.completions.create(
        model=model, temperature=temperature, user=name,
        messages=[{"role": "user", "content": "Well?"}],
    )

def work():
    while not stop.is_set():
        call()

def until(holds):
    deadline = time.monotonic() + 30
    while not holds():
        if time.monotonic() > deadline:
            return "timeout"
        stop.wait(0.01)
    return "ok"

def dropped():
    text = urllib.request.urlopen(arc.metrics_url).read().decode()
    lines = [l for l in text.splitlines() if l.startswith("arc_telemetry_dropped_total{")]
    return sum(float(l.rpartition(" ")[2]) for l in lines)

for line in sys.stdin:
    command, _, argument = line.strip().partition(" ")
    answer = "ok"
    if command == "call":
        for _ in range(int(argument)):
            call()
    elif command == "ask":
        call(model=argument)
    elif command == "work":
        loop = threading.Thread(target=work)
        loop.start()
    elif command == "rest":
        stop.set()
        loop.join()
        stop.clear()
    elif command == "link":
        answer = until(lambda: arc.link.state == argument)
    elif command == "pushed":
        pushed = lambda: " ".join(p.name for p in arc.patterns() if p.origin.label == "pushed")
        answer = until(lambda: pushed() == argument)
    elif command == "count":
        count = lambda: sum(p.origin.label == "pushed" for p in arc.patterns())
        answer = until(lambda: count() == int(argument))
    elif command == "flush":
        answer = str(arc.flush(float(argument)))
    elif command == "dropped":
        answer = str(int(dropped()))
    elif command == "faults":
        answer = str(dict(arc.faults()))
    print(answer, flush=True)
"""


class Application:
    """A process that is ready; `do` has it do something."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def log(self) -> str:
        """What Arc has told the application so far."""
        return self._log.read_text("utf-8", "replace")

    def do(self, command: str) -> str:
        """Return its answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{command}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        assert answer, self.log
        return answer

    def end(self) -> int:
        """Let it end by itself; return its exit code."""
        self.process.communicate(timeout=30)
        return self.process.returncode


@contextmanager
def application(
    name: str,
    endpoint: str,
    provider: Provider,
    folder: Path,
    *,
    clock_shift_s: float = 0,
    **environ: Any,
) -> Iterator[Application]:
    """Run one; its requests have `name` as their user, its cache is in `folder`."""
    descriptor, log = tempfile.mkstemp(prefix="arc-application-", suffix=".log")
    settings = {
        "OPENAI_API_KEY": "sk-test",
        "OPENAI_BASE_URL": provider.url,
        "ARC_ENDPOINT": endpoint,
        "ARC_METRICS_PORT": str(free_port()),
        "ARC_CACHE_DIR": str(folder / "cache"),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        **{key: str(value) for key, value in environ.items()},
    }
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("ARC_")}
    with open(descriptor, "wb") as written:
        process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, name, str(clock_shift_s)],
            env={**inherited, **settings},
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=written,
            text=True,
        )
    try:
        yield Application(process, Path(log))
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()
        os.unlink(log)
