"""One stream of one Runtime: what it is told and what it says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import grpc

from arc_core.sync import messages
from arc_core.sync.messages import RefusedError
from arc_core.sync.publication import Publication
from arc_core.sync.recorder import Sighting
from arc_protocol.wire.sync_pb2 import Hello

_MESSAGES_PER_BEAT = 100
"""A Runtime that sends more between two heartbeats is cut off."""


class Times(NamedTuple):
    """How long things may take, in seconds."""

    hello_s: float = 10.0
    """Until the first message of a Runtime."""
    heartbeat_s: float = 20.0
    """Between two messages of Core."""
    write_s: float = 10.0
    """Until a Runtime has taken a message."""
    confirm_s: float = 60.0
    """Until the key is looked at again, and the registry told that the Runtime is still there."""


class StuckError(Exception):
    """A Runtime does not read. gRPC can send it no status either; what it was sent last stays in
    memory until its connection ends.
    """


class Connection:
    """A stream between its Hello and its end; holds the newest set alone, never a queue.

    `note` is told what became of a set; `confirm` is awaited now and then and may raise
    `RefusedError`.
    """

    def __init__(
        self,
        context: Any,
        project: str,
        hello: Hello,
        *,
        times: Times,
        note: Callable[[Sighting], None],
        confirm: Callable[[], Awaitable[None]],
    ) -> None:
        self._context = context
        self._times = times
        self._note = note
        self._confirm = confirm
        self._confirmed_at = time.monotonic()
        self._wake = asyncio.Event()
        self._newest: Publication | None = None
        self._sent: Publication | None = None
        self._goodbye: bytes | None = None
        self._over = False
        self._messages = 0
        self._has = hello.have.digest
        self.sighting = messages.first_sighting(project, hello)
        """What is known of the Runtime; replaced with every answer of it."""

    def offer(self, publication: Publication) -> None:
        """Send this set next, in place of one that has not been sent yet."""
        self._newest = publication
        self._wake.set()

    def leave(self, reason: str, retry_after_s: float) -> None:
        """Say goodbye and end."""
        self._goodbye = messages.goodbye(reason, retry_after_s)
        self._wake.set()

    async def run(self) -> None:
        """Talk until one side ends; raises `RefusedError`, or `StuckError` if nothing is taken."""
        writing = asyncio.create_task(self._write_all())
        reading = asyncio.create_task(self._read_all())
        try:
            await asyncio.wait((writing, reading), return_when=asyncio.FIRST_COMPLETED)
            # gRPC can end a stream only when no message is being written
            self._over = True
            self._wake.set()
            await writing
            if reading.done():
                reading.result()
        finally:
            writing.cancel()
            reading.cancel()
            await asyncio.gather(writing, reading, return_exceptions=True)

    async def _write_all(self) -> None:
        project = self.sighting.project
        await self._write(messages.welcome(project, self._times.heartbeat_s))
        while self._goodbye is None and not self._over:
            if not await self._woken():
                await self._beat()
            self._wake.clear()
            newest = self._newest
            if newest is not None and newest is not self._sent:
                has_it = self._sent is None and self._has == newest.set.digest
                self._sent = newest
                await self._write(newest.current if has_it else newest.whole)
        if self._goodbye is not None and not self._over:
            await self._write(self._goodbye)

    async def _woken(self) -> bool:
        if self._wake.is_set():
            return True
        try:
            await asyncio.wait_for(self._wake.wait(), self._times.heartbeat_s)
        except asyncio.TimeoutError:
            return False
        return True

    async def _beat(self) -> None:
        self._messages = 0
        await self._write(messages.heartbeat(self._sent.set if self._sent else None))
        if time.monotonic() - self._confirmed_at >= self._times.confirm_s:
            self._confirmed_at = time.monotonic()
            await self._confirm()
            self._note(self.sighting)

    async def _write(self, message: bytes) -> None:
        try:
            await asyncio.wait_for(self._context.write(message), self._times.write_s)
        except asyncio.TimeoutError:
            raise StuckError(
                f"The Runtime has taken no message for {self._times.write_s:g} s."
            ) from None

    async def _read_all(self) -> None:
        while True:
            message = await messages.read(self._context)
            if message is None:
                return
            self._messages += 1
            if self._messages > _MESSAGES_PER_BEAT:
                raise RefusedError(
                    grpc.StatusCode.RESOURCE_EXHAUSTED,
                    f"More than {_MESSAGES_PER_BEAT} messages came between two heartbeats.",
                )
            if message.WhichOneof("message") != "applied":
                raise RefusedError(
                    grpc.StatusCode.INVALID_ARGUMENT,
                    "After its Hello a Runtime sends messages of the kind Applied alone.",
                )
            self.sighting = messages.answered(self.sighting, message.applied)
            self._note(self.sighting)
