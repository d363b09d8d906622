"""A registry in memory, and a server of pattern sync over it."""

from __future__ import annotations

import random
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import grpc

from arc_core.access import Gate
from arc_core.sync import PatternSync
from arc_core.sync.connection import Times


class Entry(NamedTuple):
    name: str
    revision: int
    document: dict[str, Any]


class Set(NamedTuple):
    epoch: str
    version: int
    entries: list[Entry]


class Key(NamedTuple):
    project: str


class MemoryRegistry:
    """What pattern sync asks for; `publish` puts another set in force."""

    def __init__(self) -> None:
        self.keys = {"secret-a": Key("a"), "secret-b": Key("b")}
        self.seen: dict[str, dict[str, Any]] = {}
        """What is known of each Runtime."""
        self.reads = 0
        self.fails = False
        self._sets: dict[str, Set] = {}
        self._callbacks: list[Callable[[str, int], None]] = []
        self._news = threading.Condition()

    def publish(self, *entries: Entry, project: str = "default") -> None:
        version = self.pattern_set(project).version + 1
        self._sets[project] = Set("e1", version, list(entries))
        for callback in self._callbacks:
            callback(project, version)

    def authenticate(self, secret: str) -> Key | None:
        if self.fails:
            raise OSError("no registry")
        return self.keys.get(secret)

    def remembered_key(self, secret: str) -> Key | None:
        return None

    def pattern_set(self, project: str) -> Set:
        if self.fails:
            raise OSError("no registry")
        self.reads += 1
        return self._sets.get(project, Set("e1", 0, []))

    def subscribe(self, callback: Callable[[str, int], None]) -> Callable[[], None]:
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback)

    def runtime_seen(self, project: str, runtime_id: str, **what: Any) -> None:
        with self._news:
            self.seen[runtime_id] = {"project": project, **what}
            self._news.notify_all()

    def wait_for(
        self, runtime_id: str, timeout_s: float = 10, verdict: str = "", **what: Any
    ) -> dict[str, Any]:
        """Return what is known of a Runtime once it says so, and has given a verdict on this."""

        def known() -> bool:
            seen = self.seen.get(runtime_id, {})
            if verdict and verdict not in seen.get("verdicts", {}):
                return False
            return all(seen.get(name) == value for name, value in what.items())

        with self._news:
            assert self._news.wait_for(known, timeout_s), self.seen.get(runtime_id)
            return self.seen[runtime_id]


def cool(model: str, *, name: str = "cool", revision: int = 1, value: float = 0.7) -> Entry:
    """A pattern that lowers the temperature for a model."""
    return Entry(
        name,
        revision,
        {
            "name": name,
            "pattern": {"model": model, "temperature": {">": 0.9}},
            "fix": {"temperature": value},
        },
    )


@asynccontextmanager
async def serving(
    registry: Any,
    *,
    port: int = 0,
    demand_key: bool = False,
    times: Times | None = None,
    jitter: Callable[[], float] = random.random,
) -> AsyncIterator[tuple[PatternSync, int]]:
    """A server with the service; yields it and the port."""
    gate = Gate(registry, demand_key=demand_key)
    service = PatternSync(registry, gate, times=times, jitter=jitter)
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((service.handler,))
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    try:
        yield service, bound
    finally:
        await service.drain()
        await server.stop(1)
        await service.close()
        gate.close()
