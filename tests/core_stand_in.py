"""A Core that says what a test tells it to; runs wherever the client does."""

from __future__ import annotations

import queue
import threading
from concurrent import futures
from typing import Any, Callable, Dict, Iterator, Optional

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from arc_protocol.wire import digests, pattern_sync
from arc_protocol.wire.sync_pb2 import (
    Applied,
    Entry,
    FromCore,
    FromRuntime,
    Hello,
    PatternSet,
    SetId,
    Welcome,
)

Document = Dict[str, Any]


def cool(name: str = "cool", value: float = 0.5, model: str = "gpt-4o") -> Document:
    """A pattern that lowers the temperature."""
    return {
        "name": name,
        "pattern": {"model": model, "temperature": {">": 0.9}},
        "fix": {"temperature": value},
    }


def pattern_set(version: int, *documents: Document, revision: int = 1) -> PatternSet:
    """A set as Core would send it."""
    entries = []
    for document in documents:
        encoded = digests.canonical(document)
        entries.append(
            Entry(
                name=document["name"],
                revision=revision,
                digest=digests.of_document(encoded),
                document_json=encoded,
            )
        )
    digest = digests.of_set((each.name, each.revision, each.digest) for each in entries)
    return PatternSet(set=SetId(epoch="e1", version=version, digest=digest), entries=entries)


class Connection:
    """One stream, from Core's side."""

    def __init__(self, metadata: Dict[str, str]) -> None:
        self.metadata = metadata
        self.outgoing: queue.SimpleQueue[Optional[FromCore]] = queue.SimpleQueue()
        self.incoming: queue.Queue[FromRuntime] = queue.Queue()
        self.ended = threading.Event()

    def hello(self) -> Hello:
        """The Hello of the Runtime."""
        return self.incoming.get(timeout=30).hello

    def applied(self) -> Applied:
        """The next answer of the Runtime."""
        return self.incoming.get(timeout=30).applied

    def send(self, **message: Any) -> None:
        """Say something."""
        self.outgoing.put(FromCore(**message))

    def push(self, pushed: PatternSet) -> Applied:
        """Send a set and return the answer."""
        self.send(pattern_set=pushed)
        return self.applied()

    def end(self) -> None:
        """End the stream well."""
        self.outgoing.put(None)


class StandIn:
    """A server; a context manager that is listening inside its block.

    `answer` may refuse a stream with `context.abort`; each stream that it lets pass is welcomed and
    comes out of `connection`.
    """

    def __init__(self, *, port: int = 0, heartbeat_s: int = 20) -> None:
        self.port = port
        self.heartbeat_s = heartbeat_s
        self.answer: Callable[[Any], None] = lambda context: None
        self.streams = 0
        self.rejects = 0
        """Spans of each batch that are not taken."""
        self.telemetry: queue.Queue[ExportTraceServiceRequest] = queue.Queue()
        self._connections: queue.Queue[Connection] = queue.Queue()
        self._server: Any = None

    @property
    def endpoint(self) -> str:
        """What to give to Arc."""
        return f"grpc://127.0.0.1:{self.port}"

    def connection(self, timeout_s: float = 30) -> Connection:
        """The next stream that was opened."""
        return self._connections.get(timeout=timeout_s)

    def start(self) -> StandIn:
        """Listen; again on the same port after a `stop`."""
        server = grpc.server(
            futures.ThreadPoolExecutor(max_workers=16), options=[("grpc.so_reuseport", 0)]
        )
        export = grpc.unary_unary_rpc_method_handler(self._export)
        service = "opentelemetry.proto.collector.trace.v1.TraceService"
        traces = grpc.method_handlers_generic_handler(service, {"Export": export})
        server.add_generic_rpc_handlers((pattern_sync.handler(self._sync), traces))
        self.port = server.add_insecure_port(f"127.0.0.1:{self.port}")
        server.start()
        self._server = server
        return self

    def stop(self) -> None:
        """Stop listening at once; streams fail."""
        self._server.stop(grace=None).wait(10)

    def __enter__(self) -> StandIn:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _export(self, request: bytes, _context: Any) -> bytes:
        self.telemetry.put(ExportTraceServiceRequest.FromString(request))
        answer = ExportTraceServiceResponse()
        if self.rejects:
            answer.partial_success.rejected_spans = self.rejects
        return answer.SerializeToString()

    def _sync(self, requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        self.streams += 1
        self.answer(context)
        connection = Connection(dict(context.invocation_metadata()))

        def over() -> None:
            connection.ended.set()
            connection.outgoing.put(None)

        def read() -> None:
            try:
                for request in requests:
                    connection.incoming.put(FromRuntime.FromString(request))
            except Exception:
                over()

        if not context.add_callback(over):
            return
        threading.Thread(target=read, daemon=True).start()
        connection.send(welcome=Welcome(project="default", heartbeat_s=self.heartbeat_s))
        self._connections.put(connection)
        while True:
            message = connection.outgoing.get()
            if message is None:
                return
            yield message.SerializeToString()
