"""The gRPC service `arc.v1.PatternSync`, for a server of grpc.aio."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import grpc

from arc_core.access import AccessError, Gate
from arc_core.registry.registry import Registry
from arc_core.sync import messages
from arc_core.sync.connection import Connection, StuckError, Times
from arc_core.sync.feeds import Feeds
from arc_core.sync.messages import RefusedError
from arc_core.sync.recorder import Recorder
from arc_protocol.wire import pattern_sync

if TYPE_CHECKING:
    from arc_core.sync.signing import SigningKey

_logger = logging.getLogger("arc.core.sync")

_THREADS = 4
_RETURNS_PER_S = 250
"""So many Runtimes are asked back per second when Core goes away."""


class PatternSync:
    """Brings every change of the patterns to all connected Runtimes, and keeps what they answer.

    Made on the event loop of its server, to which `handler` is added. When the server ends: `drain`
    while it still listens, `close` once it has stopped.
    """

    def __init__(
        self,
        registry: Registry,
        gate: Gate,
        *,
        signing_key: SigningKey | None = None,
        times: Times | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._registry = registry
        self._gate = gate
        self._times = times or Times()
        self._jitter = jitter
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="arc-sync")
        self._feeds = Feeds(registry, self._threads, signing_key)
        self._recorder = Recorder(registry, self._threads)
        self._connections: set[Connection] = set()
        self._alive: Counter[tuple[str, str]] = Counter()
        self._draining = False
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def handler(self) -> Any:
        """What the server adds with `add_generic_rpc_handlers`."""
        return pattern_sync.handler(self._sync)

    @property
    def connected(self) -> int:
        """Streams that are open."""
        return len(self._connections)

    async def drain(self, timeout_s: float = 5.0) -> None:
        """Send all Runtimes away, each with its own time to come back."""
        self._draining = True
        for connection in self._connections:
            self._send_away(connection)
        try:
            await asyncio.wait_for(self._empty.wait(), timeout_s)
        except asyncio.TimeoutError:
            _logger.warning("%d Runtimes did not take leave in time.", self.connected)

    async def close(self) -> None:
        """Write what is known of the Runtimes and end."""
        self._feeds.close()
        await self._recorder.close()
        self._threads.shutdown()

    def _send_away(self, connection: Connection) -> None:
        spread_s = max(1.0, len(self._connections) / _RETURNS_PER_S)
        connection.leave("Core is shutting down.", 1.0 + self._jitter() * spread_s)

    async def _sync(self, _requests: Any, context: Any) -> None:
        try:
            await self._serve(context)
        except RefusedError as refusal:
            _logger.info("The stream of %s ends: %s", context.peer(), refusal.sentence)
            await context.abort(refusal.code, refusal.sentence)
        except StuckError as stuck:
            _logger.info("The stream of %s is given up: %s", context.peer(), stuck)
        except Exception:
            _logger.exception("The stream of %s ends because of a fault.", context.peer())
            await context.abort(
                grpc.StatusCode.UNAVAILABLE, "Core cannot read its registry now; come back later."
            )

    async def _serve(self, context: Any) -> None:
        authorization, caller = _authorization(context), context.peer()
        project = await self._project(authorization, caller)
        hello = await self._hello(context)
        connection = Connection(
            context,
            project,
            hello,
            times=self._times,
            note=self._recorder.note,
            confirm=lambda: self._confirm(authorization, caller),
        )
        who = project, hello.runtime_id
        self._connections.add(connection)
        self._empty.clear()
        self._alive[who] += 1
        self._recorder.note(connection.sighting)
        if self._draining:
            self._send_away(connection)
        try:
            await self._feeds.join(project, connection)
            await connection.run()
        finally:
            self._feeds.leave(project, connection)
            self._connections.discard(connection)
            if not self._connections:
                self._empty.set()
            self._alive[who] -= 1
            if not self._alive[who]:  # it has not come back while this stream was still open
                del self._alive[who]
                self._recorder.note(connection.sighting._replace(connected=False))

    async def _confirm(self, authorization: str | None, caller: str) -> None:
        """Raise `RefusedError` when the key has been revoked, not when the registry fails."""
        try:
            await self._project(authorization, caller)
        except RefusedError:
            raise
        except Exception:
            _logger.exception("Keys cannot be looked at again.")

    async def _project(self, authorization: str | None, caller: str) -> str:
        """Return the project of the caller; raises `RefusedError`."""
        try:
            return await self._gate.project(authorization, caller)
        except AccessError as problem:
            raise RefusedError(grpc.StatusCode.UNAUTHENTICATED, str(problem)) from None

    async def _hello(self, context: Any) -> Any:
        try:
            first = await asyncio.wait_for(messages.read(context), self._times.hello_s)
        except asyncio.TimeoutError:
            raise RefusedError(
                grpc.StatusCode.DEADLINE_EXCEEDED,
                f"No Hello came within {self._times.hello_s:g} s.",
            ) from None
        hello = first.hello if first is not None and first.HasField("hello") else None
        if hello is None or not 0 < len(hello.runtime_id) <= 200:
            raise RefusedError(
                grpc.StatusCode.INVALID_ARGUMENT,
                "The first message must be a Hello with a runtime_id of 1 to 200 characters.",
            )
        return hello


def _authorization(context: Any) -> str | None:
    for name, value in context.invocation_metadata() or ():
        if name == "authorization":
            return str(value)
    return None
