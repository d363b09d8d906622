"""Keeps in the registry which Runtimes are there and what they run, away from the streams."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from concurrent.futures import Executor
from typing import NamedTuple

from arc_core.registry.registry import Registry
from arc_core.registry.runtimes import Verdict

_logger = logging.getLogger("arc.core.sync")


class Sighting(NamedTuple):
    """What is known of one Runtime at one moment."""

    project: str
    runtime_id: str
    service: str
    host: str
    pid: int
    runtime_version: str
    python: str
    sdks: Mapping[str, str]
    policy: str
    heals: bool
    connected: bool
    set_version: int
    set_digest: str
    verdicts: Mapping[str, Verdict]
    dropped: Mapping[str, int]


class Recorder:
    """Takes sightings at once and writes the newest of each Runtime as fast as the registry is."""

    def __init__(self, registry: Registry, threads: Executor) -> None:
        self._registry = registry
        self._threads = threads
        self._waiting: dict[tuple[str, str], Sighting] = {}
        self._some = asyncio.Event()
        self._task = asyncio.create_task(self._run())
        self._failing = False

    def note(self, sighting: Sighting) -> None:
        """Keep a sighting; one of the same Runtime that is not written yet is replaced."""
        self._waiting[sighting.project, sighting.runtime_id] = sighting
        self._some.set()

    async def close(self) -> None:
        """Write what waits, then end."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        await self._write()

    async def _run(self) -> None:
        while True:
            await self._some.wait()
            self._some.clear()
            await asyncio.shield(self._write())

    async def _write(self) -> None:
        waiting, self._waiting = self._waiting, {}
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._threads, self._write_all, list(waiting.values()))

    def _write_all(self, sightings: list[Sighting]) -> None:
        for sighting in sightings:
            self._write_one(sighting)

    def _write_one(self, sighting: Sighting) -> None:
        try:
            self._registry.runtime_seen(**sighting._asdict())
            self._failing = False
        except Exception:
            # the next sighting of the same Runtime says all again
            if not self._failing:
                _logger.exception("What Runtimes run cannot be kept in the registry.")
            self._failing = True
