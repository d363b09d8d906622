"""One request on its way from bytes to the store, whichever protocol brought it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from arc_core.access import AccessError, Gate
from arc_core.collector.counters import Counters
from arc_core.collector.refusals import (
    NoAccessError,
    RefusedError,
    TooLargeError,
    UnavailableError,
)
from arc_core.collector.spans import Reading
from arc_core.collector.writer import Writer
from arc_core.registry.errors import RegistryError

REQUEST_LIMIT = 16 * 1024 * 1024
"""Bytes of one request, decompressed."""

_RETRY_AFTER_S = 5.0
"""What senders are told when keys cannot be looked up."""

_INLINE = 64 * 1024
"""Bytes up to which a request is decoded on the event loop, as a change of thread costs more."""


class Intake:
    """Takes requests of all protocols; belongs to one event loop."""

    def __init__(
        self,
        writer: Writer,
        gate: Gate,
        counters: Counters,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._writer = writer
        self._gate = gate
        self._counters = counters
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="arc-decode")

    def close(self) -> None:
        """End the thread; call it when no request is under way any more."""
        self._thread.shutdown()

    async def project(self, authorization: str | None, caller: str) -> str:
        """Return the project that an authorization header opens, or raise `RefusedError`."""
        try:
            return await self._gate.project(authorization, caller)
        except AccessError as problem:
            raise NoAccessError(str(problem)) from None
        except RegistryError as problem:
            raise UnavailableError(str(problem), retry_after_s=_RETRY_AFTER_S) from problem

    async def take(
        self, project: str, payload: bytes, read: Callable[[bytes, Reading], None]
    ) -> Reading:
        """Return what was in a request once its calls are stored, or raise `RefusedError`."""
        if len(payload) > REQUEST_LIMIT:
            raise too_large()
        reading = Reading(project, int(self._clock() * 1e6))
        self._writer.reserve(len(payload))
        try:
            if len(payload) <= _INLINE:
                read(payload, reading)
            else:
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(self._thread, read, payload, reading)
        except BaseException:
            self._writer.release(len(payload))
            raise
        if reading.rows or reading.feedback:
            await self._writer.write(reading.rows, len(payload), reading.feedback)
        else:
            self._writer.release(len(payload))
        self._counters.answered(reading)
        return reading

    def refused(self, problem: RefusedError) -> None:
        """Count a request that is refused."""
        self._counters.refused(problem.reason)


def too_large() -> TooLargeError:
    """Return the refusal of a request that is larger than `REQUEST_LIMIT`."""
    return TooLargeError(
        f"The request is larger than the {REQUEST_LIMIT} bytes that Arc Core takes: "
        "send smaller batches."
    )
