"""A real OTLP/HTTP trace receiver on loopback that answers as it is told to."""

from __future__ import annotations

import gzip
import ssl
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Deque, Dict, List, NamedTuple, Optional, Tuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

PROTOBUF = "application/x-protobuf"


class Posted(NamedTuple):
    """One request as it arrived."""

    target: str
    headers: Dict[str, str]
    message: ExportTraceServiceRequest
    connection: Tuple[str, int]
    """Address of the client, another one for each connection."""


Answer = Callable[[BaseHTTPRequestHandler], None]


def answer(status: int, body: bytes = b"", **headers: str) -> Answer:
    """Answer so; underscores in names of headers are hyphens."""

    def write(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, text in headers.items():
            handler.send_header(name.replace("_", "-"), text)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return write


def partial(rejected: int, message: str) -> Answer:
    """Accept the request but for so many spans."""
    response = ExportTraceServiceResponse()
    response.partial_success.rejected_spans = rejected
    response.partial_success.error_message = message
    return answer(200, response.SerializeToString(), content_type=PROTOBUF)


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    """Close the connection without a word."""
    handler.close_connection = True


class HttpReceiver:
    """A context manager that is listening inside its block; accepts all but what is scripted."""

    def __init__(self, *, port: int = 0, tls: Optional[ssl.SSLContext] = None) -> None:
        self.port = port
        self._tls = tls
        self._script: Deque[Answer] = deque()
        self._arrived = threading.Condition()
        self._requests: List[Posted] = []
        self._over = threading.Event()

    def script(self, *answers: Answer) -> None:
        """Answer the next requests so."""
        self._script.extend(answers)

    def hang(self, _: BaseHTTPRequestHandler) -> None:
        """Never answer, until the receiver stops."""
        self._over.wait(60)

    @property
    def endpoint(self) -> str:
        """What to give to Arc."""
        return f"{'https' if self._tls else 'http'}://localhost:{self.port}"

    @property
    def requests(self) -> List[Posted]:
        """All requests."""
        with self._arrived:
            return list(self._requests)

    @property
    def spans(self) -> List[Span]:
        """All spans that arrived, accepted or not."""
        return [
            span
            for request in self.requests
            for resource in request.message.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def wait_for_requests(self, count: int, timeout_s: float = 30) -> List[Posted]:
        """Return all requests as soon as there are at least so many; fail after the time."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self._requests) >= count, timeout_s)
            return list(self._requests)

    def __enter__(self) -> HttpReceiver:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                receiver._take(self)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                pass

        self._server = Server(("127.0.0.1", self.port), Handler)
        if self._tls is not None:
            self._server.socket = self._tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        serve = {"poll_interval": 0.01}
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs=serve)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _take(self, handler: Any) -> None:
        body = handler.rfile.read(int(handler.headers["content-length"]))
        headers = {name.lower(): text for name, text in handler.headers.items()}
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        message = ExportTraceServiceRequest.FromString(body)
        with self._arrived:
            self._requests.append(Posted(handler.path, headers, message, handler.client_address))
            reply = self._script.popleft() if self._script else answer(200, content_type=PROTOBUF)
            self._arrived.notify_all()
        reply(handler)
