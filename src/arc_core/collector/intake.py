"""One request on its way from bytes to the store, whichever protocol brought it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from arc_core.collector.counters import Counters
from arc_core.collector.refusals import AccessError, RefusedError, TooLargeError
from arc_core.collector.spans import Reading
from arc_core.collector.writer import Writer

REQUEST_LIMIT = 16 * 1024 * 1024
"""Bytes of one request, decompressed."""

Authenticator = Callable[["str | None"], "str | None"]
"""Returns the project of a key, None for a key that is unknown or revoked.

Without a key it gets None, and returns the project of those who need none, or None. It is called on
the event loop for every request, so it answers from memory.
"""

_INLINE = 64 * 1024
"""Bytes up to which a request is decoded on the event loop, as a change of thread costs more."""


class Intake:
    """Takes requests of all protocols; belongs to one event loop."""

    def __init__(
        self,
        writer: Writer,
        authenticate: Authenticator,
        counters: Counters,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._writer = writer
        self._authenticate = authenticate
        self._counters = counters
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="arc-decode")

    def close(self) -> None:
        """End the thread; call it when no request is under way any more."""
        self._thread.shutdown()

    def project(self, authorization: str | None) -> str:
        """Return the project that an authorization header opens, or raise `AccessError`."""
        key = None
        if authorization is not None:
            scheme, _, key = authorization.partition(" ")
            if scheme.lower() != "bearer" or not key.strip():
                raise AccessError("The authorization must be 'Bearer KEY' with a key of Arc Core.")
        project = self._authenticate(None if key is None else key.strip())
        if project is None:
            raise AccessError(
                "Arc Core wants an API key: set ARC_API_KEY to one that `arc keys create` made."
                if key is None
                else "The API key is unknown or revoked: `arc keys create` makes a new one."
            )
        return project

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
        if reading.rows:
            await self._writer.write(reading.rows, len(payload))
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
