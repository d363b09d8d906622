"""Plays a world with real processes: a provider simulator, Core, and several applications."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from arc_simulator.launch import launch
from benchmarks.learning.application import CALL_HEADER
from benchmarks.learning.worlds import APPLICATIONS, Planned, World
from core.core_process import CoreProcess, core
from simulator_client import Simulator

ROOT = Path(__file__).parents[2]
_START_S = 2.0
"""From the last program's `ready` to the first call."""
_LATENCY_MS = 20.0
_END_WITHIN_S = 60.0


@dataclass(frozen=True)
class Played:
    """A call, and what became of it."""

    planned: Planned
    began_s: float
    """After the beginning, as is `ended_s`."""
    ended_s: float
    error: str | None
    """Class of the exception that the application got."""
    rule: str | None
    """The case that befell the request as it arrived."""
    changed: bool
    """Whether another request arrived than the one that the application made."""

    @property
    def prevented(self) -> bool:
        """Whether what would have befallen it did not, and nothing else did."""
        return self.planned.case is not None and self.rule is None and self.error is None


@dataclass(frozen=True)
class Run:
    """What happened in a world."""

    world: World
    duration_s: float
    calls: list[Played]
    """In the order in which they began."""
    patterns: list[dict[str, Any]]
    """Those that Core has in the end; `history` has `at_s`, seconds after the beginning."""
    log: str
    """What Core wrote."""
    core_cpu_s: float
    load: float
    """Of the machine at the end, as `uptime` shows it: programs that want to run."""


def play(world: World, folder: Path, *, rate: float, duration_s: float) -> Run:
    """Play a world; `folder` takes the data and logs of all processes."""
    plan = world.plan(rate=rate, duration_s=duration_s)
    with ExitStack() as ends:
        url = ends.enter_context(launch("--latency-ms", str(_LATENCY_MS)))
        process = ends.enter_context(core(folder / "core"))
        space = Simulator(url).space("default")
        space.rules(world.rules)
        space.settings(keep_requests=2 * len(plan) + 100, latency_ms=_LATENCY_MS)
        programs = [
            _start(number, plan, folder, url, process, ends) for number in range(APPLICATIONS)
        ]
        for program in programs:
            assert program.stdout is not None
            if program.stdout.readline().strip() != "ready":
                raise RuntimeError("An application did not start.")
        began_at = time.time() + _START_S
        for program in programs:
            assert program.stdin is not None
            program.stdin.write(f"{began_at}\n")
            program.stdin.flush()
        for program in programs:
            if program.wait(duration_s + _START_S + _END_WITHIN_S):
                raise RuntimeError(f"An application ended with {program.returncode}.")
        calls = _calls(plan, folder, space.requests())
        patterns = _patterns(process, began_at)
        used = _cpu_s(process.process.pid)
        return Run(world, duration_s, calls, patterns, process.log, used, os.getloadavg()[0])


def _start(
    number: int, plan: Sequence[Planned], folder: Path, url: str, core: CoreProcess, ends: ExitStack
) -> subprocess.Popen[str]:
    orders = folder / f"plan-{number}.jsonl"
    mine = (json.dumps(each.order()) for each in plan if each.application == number)
    orders.write_text("".join(f"{each}\n" for each in mine), "utf-8")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ARC_", "OTEL_", "OPENAI_"))}
    program = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.learning.application", orders, folder / f"{number}.log"],
        cwd=ROOT,
        env={
            **kept,
            "NO_PROXY": "127.0.0.1",
            "OPENAI_BASE_URL": f"{url}/v1",
            "OPENAI_API_KEY": "simulated",
            "OTEL_SERVICE_NAME": f"application-{number}",
            "ARC_ENDPOINT": core.grpc_url,
            "ARC_CACHE_DIR": str(folder / f"cache-{number}"),
            "ARC_METRICS_PORT": "0",
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    ends.enter_context(program)
    ends.callback(program.kill)
    return program


def _calls(
    plan: Sequence[Planned], folder: Path, arrived: Sequence[dict[str, Any]]
) -> list[Played]:
    done = {}
    for number in range(APPLICATIONS):
        for line in (folder / f"{number}.log").read_text("utf-8").splitlines():
            one = json.loads(line)
            done[one.pop("id")] = one
    received = {each["headers"].get(CALL_HEADER): each for each in arrived}
    calls = []
    for planned in plan:
        there = received.get(planned.id)
        rule = there["rule"].partition("/")[0] if there and there["rule"] else None
        changed = there is not None and there["json"] != planned.request
        calls.append(Played(planned, **done[planned.id], rule=rule, changed=changed))
    return calls


def _patterns(process: CoreProcess, began_at: float) -> list[dict[str, Any]]:
    found, cursor = [], None
    while True:
        page = _ask(process, f"/patterns?limit=200{f'&cursor={cursor}' if cursor else ''}")
        found += [_ask(process, f"/patterns/{each['name']}") for each in page["patterns"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    for pattern in found:
        for event in pattern["history"]:
            event["at_s"] = datetime.fromisoformat(event["at"]).timestamp() - began_at
    return found


def _ask(process: CoreProcess, path: str) -> Any:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{process.http_url}/api/v1{path}", timeout=30) as answer:
        return json.load(answer)


def _cpu_s(pid: int) -> float:
    import psutil

    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)
