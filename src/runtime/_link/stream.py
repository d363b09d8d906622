"""One stream to Core, on the thread that reads it; any other thread may end it."""

from __future__ import annotations

import queue
import threading
import time
from typing import Any, Callable, Generator, Iterator, Optional

from arc_protocol.wire import pattern_sync
from arc_protocol.wire.sync_pb2 import FromCore, FromRuntime
from runtime._endpoint import Endpoint
from runtime._telemetry import channels
from runtime._telemetry.direct import no_more_threads
from runtime._telemetry.tls import TlsFiles

_WELCOME_WITHIN_S = 20.0
"""How long Core may take until its first message."""
_SILENT_BEATS = 3
"""A stream on which nothing came for so many heartbeats is dead."""
_LONGEST_BEAT_S = 300.0
_ENDED_WITHIN_S = 0.1


class Stream:
    """A call of `Sync`; iterating over `open` yields what Core says until the stream ends."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._ended = False
        self._outgoing: queue.SimpleQueue[Optional[FromRuntime]] = queue.SimpleQueue()
        self._all_sent = threading.Event()
        self._all_sent.set()
        self._call: Any = None
        self._channel: Any = None
        self._silence_s = _WELCOME_WITHIN_S
        self._heard_at = clock()

    def open(
        self, endpoint: Endpoint, tls: TlsFiles, headers: channels.Headers, hello: FromRuntime
    ) -> Generator[FromCore, None, None]:
        """Connect and yield what Core says.

        Raises `TlsFileError`, or `grpc.RpcError` unless Core has ended the stream well.
        """
        channel = channels.connect(endpoint, tls, message_limit=pattern_sync.MAX_SET_BYTES)
        with self._lock:
            self._channel = channel
            self.send(hello)
            if not self._ended and not no_more_threads():
                self._all_sent.clear()
                self._call = pattern_sync.call(channel, self._messages(), list(headers))
        self.heard()
        try:
            for message in self._call or ():
                self.heard()
                yield message
        finally:
            self.end()
            channel.close()
            # gRPC sends from a thread of its own, which a fork must not meet
            self._all_sent.wait(_ENDED_WITHIN_S)

    def send(self, message: FromRuntime) -> None:
        """Send a message; nothing is done once the stream has ended."""
        self._outgoing.put(message)

    def heartbeat(self, period_s: float) -> None:
        """Take over how often Core is heard of at least."""
        self._silence_s = _SILENT_BEATS * min(max(1.0, period_s), _LONGEST_BEAT_S)

    def heard(self) -> None:
        """Say that the stream is alive, or that its reader is at work."""
        self._heard_at = self._clock()

    @property
    def silent(self) -> bool:
        """Whether nothing has come for so long that the connection must be dead."""
        return self._clock() - self._heard_at > self._silence_s

    def end(self) -> None:
        """End the stream, from any thread; reading it stops at once."""
        with self._lock:
            self._ended = True
            call = self._call
        self._outgoing.put(None)
        if call is not None:
            call.cancel()

    def _messages(self) -> Iterator[FromRuntime]:
        try:
            while True:
                message = self._outgoing.get()
                if message is None:
                    return
                yield message
        finally:
            self._all_sent.set()
