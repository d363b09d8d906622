"""A TCP link that can be cut, slowed down or stopped, between a client and Core."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

_PIECE = 4096
_SLOW_S = 0.02
"""For each piece: 200 KB/s."""


class Proxy:
    """Forwards to a port of loopback; its methods may be called from any thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, target: int) -> None:
        self._loop = loop
        self._target = target
        self._open = asyncio.Event()
        self._open.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: Any = None
        self._slow = False
        self.port = 0
        self.met = threading.Event()
        """Set by the first connection after `cut`."""

    def _on_loop(self, coroutine: Any) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(20)

    def listen(self) -> None:
        """Take connections, on the same port as before."""
        self._on_loop(self._listen())

    def cut(self) -> None:
        """End all connections and refuse new ones."""
        self._on_loop(self._cut())

    def slow_down(self) -> None:
        """Pass on 200 KB per second and direction."""
        self._slow = True

    def stop(self) -> None:
        """Pass on nothing more, with all connections open: nobody reads any more."""
        self._loop.call_soon_threadsafe(self._open.clear)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _cut(self) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        self.met.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.met.set()
        try:
            there = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        mine = {writer, there[1]}
        self._writers |= mine
        try:
            await asyncio.gather(self._pass(reader, there[1]), self._pass(there[0], writer))
        finally:
            for each in mine:
                each.transport.abort()
            self._writers -= mine

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while True:
                await self._open.wait()
                piece = await reader.read(_PIECE)
                if not piece:
                    break
                if self._slow:
                    await asyncio.sleep(_SLOW_S)
                writer.write(piece)
                await writer.drain()
        writer.transport.abort()


@contextmanager
def proxy(target: int) -> Iterator[Proxy]:
    """Run one that listens."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    made = Proxy(loop, target)
    try:
        made.listen()
        yield made
    finally:
        made.cut()
        asyncio.run_coroutine_threadsafe(_end_tasks(), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end_tasks() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
