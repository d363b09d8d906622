"""A real OTLP/gRPC trace receiver on loopback that answers as it is told to."""

from __future__ import annotations

import socket
import threading
from collections import deque
from concurrent import futures
from typing import Any, Callable, Deque, Dict, List, NamedTuple, Optional, Sequence, Tuple

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

Answer = Callable[[ExportTraceServiceRequest, grpc.ServicerContext], ExportTraceServiceResponse]


class Request(NamedTuple):
    """One request as it arrived, whatever the answer to it was."""

    message: ExportTraceServiceRequest
    metadata: Dict[str, Any]

    @property
    def spans(self) -> List[Span]:
        """All spans of the request."""
        return [
            span
            for resource in self.message.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


class Receiver:
    """An OTLP receiver; a context manager that is listening inside its block.

    It accepts everything until `answer` is set; `script` answers the next requests one by one.
    Only spans that were accepted appear in `spans`.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        credentials: Optional[grpc.ServerCredentials] = None,
        options: Sequence[Tuple[str, Any]] = (),
    ) -> None:
        self.port = port
        self.answer: Answer = ok
        self._script: Deque[Answer] = deque()
        self._credentials = credentials
        self._options = [("grpc.so_reuseport", 0), *options]
        self._server: Optional[grpc.Server] = None
        self._arrived = threading.Condition()
        self._requests: List[Request] = []
        self._accepted: List[Request] = []

    @property
    def endpoint(self) -> str:
        """What to give to Arc."""
        scheme = "grpcs" if self._credentials else "grpc"
        return f"{scheme}://localhost:{self.port}"

    @property
    def requests(self) -> List[Request]:
        """All requests, also those that were not accepted."""
        with self._arrived:
            return list(self._requests)

    @property
    def spans(self) -> List[Span]:
        """The spans of all accepted requests, in order of arrival."""
        with self._arrived:
            return [span for request in self._accepted for span in request.spans]

    @property
    def resources(self) -> List[Resource]:
        """The resource of each accepted request."""
        with self._arrived:
            return [each.message.resource_spans[0].resource for each in self._accepted]

    def script(self, *answers: Answer) -> None:
        """Answer the next requests so, then again with `answer`."""
        self._script.extend(answers)

    def wait_for_spans(self, count: int, timeout_s: float = 30) -> List[Span]:
        """Return the accepted spans as soon as there are at least so many; fail after the time."""
        self._wait(lambda: self.spans, count, "spans", timeout_s)
        return self.spans

    def wait_for_requests(self, count: int, timeout_s: float = 30) -> List[Request]:
        """Return all requests as soon as there are at least so many; fail after the time."""
        self._wait(lambda: self.requests, count, "requests", timeout_s)
        return self.requests

    def start(self) -> Receiver:
        """Listen; again on the same port after a `stop`."""
        server = grpc.server(futures.ThreadPoolExecutor(max_workers=8), options=self._options)
        export = grpc.unary_unary_rpc_method_handler(
            self._export,
            request_deserializer=ExportTraceServiceRequest.FromString,
            response_serializer=ExportTraceServiceResponse.SerializeToString,
        )
        service = "opentelemetry.proto.collector.trace.v1.TraceService"
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(service, {"Export": export}),)
        )
        address = f"127.0.0.1:{self.port}"
        if self._credentials is None:
            self.port = server.add_insecure_port(address)
        else:
            self.port = server.add_secure_port(address, self._credentials)
        server.start()
        self._server = server
        return self

    def stop(self) -> None:
        """Stop listening at once; requests under way fail."""
        if self._server is not None:
            self._server.stop(grace=None).wait(10)
            self._server = None

    def __enter__(self) -> Receiver:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _export(
        self, message: ExportTraceServiceRequest, context: grpc.ServicerContext
    ) -> ExportTraceServiceResponse:
        request = Request(message, dict(context.invocation_metadata()))
        with self._arrived:
            self._requests.append(request)
            answer = self._script.popleft() if self._script else self.answer
            self._arrived.notify_all()
        response = answer(message, context)
        with self._arrived:
            self._accepted.append(request)
            self._arrived.notify_all()
        return response

    def _wait(
        self, found: Callable[[], Sequence[Any]], count: int, what: str, timeout_s: float
    ) -> None:
        with self._arrived:
            enough = self._arrived.wait_for(lambda: len(found()) >= count, timeout_s)
            assert enough, f"{len(found())} of {count} {what} arrived within {timeout_s} s"


def ok(_: ExportTraceServiceRequest, __: grpc.ServicerContext) -> ExportTraceServiceResponse:
    """Accept everything."""
    return ExportTraceServiceResponse()


def partial(rejected: int, message: str = "") -> Answer:
    """Accept the request but for so many spans."""

    def answer(_: ExportTraceServiceRequest, __: grpc.ServicerContext) -> Any:
        response = ExportTraceServiceResponse()
        response.partial_success.rejected_spans = rejected
        response.partial_success.error_message = message
        return response

    return answer


def status(
    code: grpc.StatusCode,
    message: str = "as told",
    *,
    retry_after_s: Optional[float] = None,
    key: str = "grpc-status-details-bin",
) -> Answer:
    """Fail so; with RetryInfo under the metadata `key` that servers use for it."""

    def answer(_: ExportTraceServiceRequest, context: grpc.ServicerContext) -> Any:
        if retry_after_s is not None:
            info = retry_info(retry_after_s)
            if key == "grpc-status-details-bin":
                info = rpc_status(code.value[0], message, info)
            context.set_trailing_metadata(((key, info),))
        context.abort(code, message)

    return answer


def hang(_: ExportTraceServiceRequest, context: grpc.ServicerContext) -> Any:
    """Never answer, until the client gives up or the receiver stops."""
    over = threading.Event()
    if context.add_callback(over.set):
        over.wait(60)
    context.abort(grpc.StatusCode.CANCELLED, "gave up")


def slow(delay_s: float, then: Answer = ok) -> Answer:
    """Answer only after a while."""

    def answer(request: ExportTraceServiceRequest, context: grpc.ServicerContext) -> Any:
        over = threading.Event()
        if context.add_callback(over.set):
            over.wait(delay_s)
        return then(request, context)

    return answer


class Gate:
    """An answer that waits until the test opens it, then accepts."""

    def __init__(self, then: Answer = ok) -> None:
        self._then = then
        self._open = threading.Event()

    def open(self) -> None:
        """Let the waiting requests, and all later ones, pass."""
        self._open.set()

    def __call__(self, request: ExportTraceServiceRequest, context: grpc.ServicerContext) -> Any:
        context.add_callback(self._open.set)
        self._open.wait(60)
        return self._then(request, context)


def free_port() -> int:
    """Return a port on loopback where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def retry_info(delay_s: float) -> bytes:
    """Encode google.rpc.RetryInfo{retry_delay: Duration{seconds, nanos}}."""
    seconds, rest = divmod(delay_s, 1)
    duration = _varint_field(1, int(seconds)) + _varint_field(2, round(rest * 1e9))
    return _bytes_field(1, duration)


def rpc_status(code: int, message: str, retry: bytes) -> bytes:
    """Encode google.rpc.Status{code, message, details: [Any{type_url, value}]}."""
    detail = _bytes_field(1, b"type.googleapis.com/google.rpc.RetryInfo") + _bytes_field(2, retry)
    return _varint_field(1, code) + _bytes_field(2, message.encode()) + _bytes_field(3, detail)


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


def _varint_field(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _bytes_field(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value
