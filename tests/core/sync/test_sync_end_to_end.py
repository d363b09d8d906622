"""From the registry to the application: a real Core service, and Arc in processes of its own."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from arc_core.registry.lifecycle import State
from arc_core.registry.registry import Registry
from core.sync.standin import serving

_PROGRAM = """
import sys
from runtime import Arc
arc = Arc()
for line in sys.stdin:
    request = dict(model="gpt-4o", temperature=1.0)
    changes = arc.explain(request)
    names = [p.name for p in arc.patterns() if p.origin.label == "pushed"]
    print(__import__("json").dumps([names, arc.link.state, arc.link.version]), flush=True)
arc.shutdown()
"""


class Application:
    """A process with Arc that says what is in force when asked."""

    def __init__(self, port: int, folder: Path, key: str) -> None:
        settings = {
            "ARC_ENDPOINT": f"grpc://127.0.0.1:{port}",
            "ARC_API_KEY": key,
            "ARC_METRICS_PORT": "0",
            "ARC_CACHE_DIR": str(folder),
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM],
            env={**os.environ, **settings},
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def ask(self) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def wait_for(self, names: list[str], state: str = "connected") -> None:
        pause = threading.Event()
        for _ in range(1000):
            found = self.ask()
            if found[:2] == [names, state]:
                return
            pause.wait(0.01)
        raise AssertionError(found)


class Core:
    """The service on a loop in a thread of its own, over a registry that outlives it."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.port = 0

    def start(self) -> None:
        ready = threading.Event()

        async def live() -> None:
            self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
            async with serving(self._registry, port=self.port, demand_key=True) as (_, self.port):
                ready.set()
                await self._over.wait()

        self._thread = threading.Thread(target=lambda: asyncio.run(live()))
        self._thread.start()
        assert ready.wait(10)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(20)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    opened = Registry.open(f"sqlite:///{tmp_path / 'registry.db'}")
    yield opened
    opened.close()


@pytest.fixture
def core(registry: Registry) -> Iterator[Core]:
    running = Core(registry)
    running.start()
    yield running
    running.stop()


def cool(name: str) -> dict[str, Any]:
    return {"name": name, "pattern": {"model": "gpt-4o"}, "fix": {"temperature": 0.5}}


def test_changes_reach_all_processes_and_their_verdicts_come_back(
    registry: Registry, core: Core, tmp_path: Path
) -> None:
    """Adding, refusing and retiring; a Core that was away is found again."""
    _, key = registry.create_key("shop", "test")
    registry.add_pattern("shop", cool("first"), author="a person")
    registry.add_pattern("other", cool("of-others"), author="a person")
    folders = [tmp_path / f"app{number}" for number in range(2)]
    for folder in folders:
        folder.mkdir()
    applications = [Application(core.port, folder, key) for folder in folders]
    try:
        for application in applications:
            application.wait_for(["first"])
        bad = {**cool("bad"), "fix": {"messages": []}}
        registry.add_pattern("shop", bad, author="a person")
        registry.add_pattern("shop", cool("second"), author="a person")
        for application in applications:
            application.wait_for(["second", "first"])
        version = registry.pattern_set("shop").version
        deadline = threading.Event()
        for _ in range(1000):
            seen = registry.runtimes("shop")
            if [each.set_version for each in seen] == [version] * 2:
                break
            deadline.wait(0.01)
        assert {each.pid for each in seen} == {each.process.pid for each in applications}
        assert all(each.connected for each in seen)
        assert {each.set_digest for each in seen} == {registry.pattern_set("shop").digest}
        for each in seen:
            assert list(each.verdicts) == ["bad"]
            assert each.verdicts["bad"].state == "refused"
        core.stop()
        registry.transition("shop", "first", State.RETIRED, author="a person", reason="test")
        assert applications[0].ask()[0] == ["second", "first"]
        core.start()
        for application in applications:
            application.wait_for(["second"])
    finally:
        for application in applications:
            with application.process as process:
                process.kill()
