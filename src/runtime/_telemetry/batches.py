"""Holds encoded spans until they are delivered, within a bound."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Callable, Deque, List, NamedTuple, Optional

from arc_protocol.version import __version__

if TYPE_CHECKING:
    from opentelemetry.proto.resource.v1.resource_pb2 import Resource
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

_SPANS_LIMIT = 512
_BATCH_LIMIT = 3_500_000
"""Bytes; gRPC servers take 4 MiB by default."""
BUFFER_LIMIT = 8 * 1024 * 1024


class Batch(NamedTuple):
    """A serialised `ExportTraceServiceRequest`; retries send the very same bytes."""

    payload: bytes
    spans: int


class Batches:
    """Spans in the order they came, in batches; the oldest give way when there are too many."""

    def __init__(
        self,
        resource: Resource,
        drops: Callable[[str, int], None],
        *,
        limit: int = BUFFER_LIMIT,
    ) -> None:
        self._resource = resource
        self._drops = drops
        self._limit = limit
        self._open: List[Any] = []
        self._open_bytes = 0
        self._closed: Deque[Batch] = deque()
        self._closed_bytes = 0

    @property
    def spans(self) -> int:
        """How many spans are held."""
        return len(self._open) + sum(batch.spans for batch in self._closed)

    def add(self, span: Span) -> None:
        """Hold a span."""
        size = span.ByteSize()
        if size > _BATCH_LIMIT:
            self._drops("too_large", 1)
            return
        if self._open_bytes + size > _BATCH_LIMIT or len(self._open) >= _SPANS_LIMIT:
            self._close()
        self._open.append(span)
        self._open_bytes += size
        while self._open_bytes + self._closed_bytes > self._limit and self._closed:
            self._drops("buffer_full", self._pop().spans)

    def take(self) -> Optional[Batch]:
        """Return the oldest batch and hold it no longer; None when there is nothing."""
        if not self._closed and self._open:
            self._close()
        return self._pop() if self._closed else None

    def put_back(self, batch: Batch) -> None:
        """Hold a batch again that could not be delivered now."""
        self._closed.appendleft(batch)
        self._closed_bytes += len(batch.payload)

    def _pop(self) -> Batch:
        batch = self._closed.popleft()
        self._closed_bytes -= len(batch.payload)
        return batch

    def _close(self) -> None:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
            ExportTraceServiceRequest,
        )
        from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
        from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans

        spans, self._open, self._open_bytes = self._open, [], 0
        scope = InstrumentationScope(name="arc.runtime", version=__version__)
        payload = ExportTraceServiceRequest(
            resource_spans=[
                ResourceSpans(
                    resource=self._resource, scope_spans=[ScopeSpans(scope=scope, spans=spans)]
                )
            ]
        ).SerializeToString()
        self._closed.append(Batch(payload, len(spans)))
        self._closed_bytes += len(payload)
