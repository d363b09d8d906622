"""Holds encoded spans until they are delivered, within a bound."""

from __future__ import annotations

import functools
import math
from collections import deque
from typing import TYPE_CHECKING, Any, Callable, Deque, Optional

from arc_protocol.version import __version__
from runtime._telemetry.batch import BATCH_LIMIT, SPANS_LIMIT, Batch

if TYPE_CHECKING:
    from opentelemetry.proto.resource.v1.resource_pb2 import Resource
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from runtime._telemetry.spool import Spool

BUFFER_LIMIT = 8 * 1024 * 1024


class Batches:
    """Spans in the order they came, in batches.

    The oldest go to disk, or give way without a `spool`, when there are too many.
    """

    def __init__(
        self,
        resource: Resource,
        drops: Callable[[str, int], None],
        *,
        limit: int = BUFFER_LIMIT,
        spool: Optional[Spool] = None,
    ) -> None:
        self._spool = spool
        self._resource = _field(1, resource)
        self._drops = drops
        self._limit = limit
        # One piece of memory goes back to the system; hundreds of small ones stay with the process.
        self._open = bytearray()
        self._open_spans = 0
        self._closed: Deque[Batch] = deque()
        self._closed_bytes = 0

    @property
    def spans(self) -> int:
        """How many spans are held in memory."""
        return self._open_spans + sum(batch.spans for batch in self._closed)

    @property
    def kept(self) -> int:
        """How many spans of this process are on disk."""
        return self._spool.spans if self._spool else 0

    @property
    def bounds(self) -> str:
        """How much is held until the oldest gives way, for people."""
        if self._spool is not None and self._spool.active:
            return "up to 64 MiB for 24 hours, on disk"
        return f"up to {self._limit // 2**20} MiB"

    @property
    def wait_s(self) -> float:
        """Seconds until there is something on disk that `take` held back."""
        return self._spool.wait_s if self._spool else math.inf

    def add(self, span: Span) -> None:
        """Hold a span."""
        encoded = span.SerializeToString()
        size = len(encoded)
        if size > BATCH_LIMIT:
            self._drops("too_large", 1)
            return
        if len(self._open) + size > BATCH_LIMIT or self._open_spans >= SPANS_LIMIT:
            self._close()
        self._open += _head(2, size)
        self._open += encoded
        self._open_spans += 1
        while len(self._open) + self._closed_bytes > self._limit and self._closed:
            oldest = self._pop()
            if self._spool is None or not self._spool.write(oldest):
                self._drops("buffer_full", oldest.spans)

    def take(self, *, at_once: bool = False) -> Optional[Batch]:
        """Return the batch to deliver next and hold it no longer; None when there is nothing.

        What is on disk comes first when it is time for it, and last if all has to go `at_once`.
        """
        if at_once:
            return self._oldest() or self._from_disk(at_once=True)
        return self._from_disk(at_once=False) or self._oldest()

    def put_back(self, batch: Batch) -> None:
        """Hold a batch again that could not be delivered now."""
        if batch.files and self._spool:
            self._spool.release()
            return
        self._closed.appendleft(batch)
        self._closed_bytes += len(batch.payload)

    def done(self, batch: Batch) -> None:
        """Forget a batch that was delivered, or will never be."""
        if self._spool:
            self._spool.done(batch)

    def release(self) -> None:
        """Let other processes deliver what is on disk."""
        if self._spool:
            self._spool.release()

    def spill(self) -> None:
        """Move to disk what is held in memory, as far as possible."""
        while self._spool is not None:
            batch = self._oldest()
            if batch is None:
                return
            if not self._spool.write(batch):
                self.put_back(batch)
                return

    def leave(self) -> int:
        """Hold nothing in memory: all goes to disk for other processes; return the spans lost."""
        self.spill()
        lost = self.spans
        while self._oldest() is not None:
            pass
        if self._spool is not None:
            self._spool.refresh()
        return lost

    def _from_disk(self, *, at_once: bool) -> Optional[Batch]:
        return self._spool.take(at_once=at_once) if self._spool else None

    def _oldest(self) -> Optional[Batch]:
        if not self._closed and self._open:
            self._close()
        return self._pop() if self._closed else None

    def _pop(self) -> Batch:
        batch = self._closed.popleft()
        self._closed_bytes -= len(batch.payload)
        return batch

    def _close(self) -> None:
        """Put the spans into one request, as bytes: as messages each would be copied three times.

        The fields of `ExportTraceServiceRequest`: 1 resource_spans, therein 1 resource and 2
        scope_spans, therein 1 scope and 2 spans.
        """
        spans, self._open = self._open, bytearray()
        count, self._open_spans = self._open_spans, 0
        scope = _scope()
        head = _head(2, len(scope) + len(spans))
        size = len(self._resource) + len(head) + len(scope) + len(spans)
        payload = b"".join([_head(1, size), self._resource, head, scope, spans])
        self._closed.append(Batch(payload, count))
        self._closed_bytes += len(payload)


@functools.lru_cache(maxsize=None)
def _scope() -> bytes:
    from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope

    return _field(1, InstrumentationScope(name="arc.runtime", version=__version__))


def _field(number: int, message: Any) -> bytes:
    encoded: bytes = message.SerializeToString()
    return _head(number, len(encoded)) + encoded


def _head(number: int, length: int) -> bytes:
    """Return what stands before a message in a field: a tag of wire type 2, then the length.

    https://protobuf.dev/programming-guides/encoding/
    """
    head = bytearray((number << 3 | 2,))
    while length > 0x7F:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    head.append(length)
    return bytes(head)
