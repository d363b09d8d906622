"""Sends batches by OTLP/HTTP, each on a thread that lives no longer than its request."""

from __future__ import annotations

import contextlib
import email.utils
import gzip
import http
import sys
import threading
import time
from typing import Any, Callable, Dict, Iterator, Optional, Union

from runtime._endpoint import Endpoint
from runtime._telemetry.answers import (
    AGAIN,
    COMPRESS_FROM,
    REFUSED,
    TAKEN,
    TOO_LARGE,
    Answer,
)
from runtime._telemetry.channels import Headers
from runtime._telemetry.http_causes import cause
from runtime._telemetry.http_connection import Connection, Reply
from runtime._telemetry.tls import TlsFiles

_RETRYABLE = frozenset((429, 502, 503, 504))
"""After these OTLP has a client send again (OTLP specification, failures of OTLP/HTTP)."""
_OF_THE_SENDER = frozenset((401, 403, 404, 405, 407, 415, 501))
"""They say nothing about what was sent: it may be taken another day."""
_ENDED_WITHIN_S = 0.1
_PROTOBUF = "application/x-protobuf"
_SUPPRESSING = ("suppress_instrumentation", "suppress_http_instrumentation")
"""Context keys by which OpenTelemetry's instrumentations know what is not the application's."""


class HttpSender:
    """A `Sender` with one connection, which is kept between requests."""

    uses_grpc = False

    def __init__(self, endpoint: Endpoint, tls: TlsFiles, headers: Headers) -> None:
        self._endpoint = endpoint
        self._tls = tls
        self._headers: Dict[str, str] = {**dict(headers), "content-type": _PROTOBUF}
        self._connection: Optional[Connection] = None

    def send(self, payload: bytes, *, timeout_s: float, last: bool) -> HttpCall:
        """Start a request; raises `TlsFileError`."""
        if self._connection is None:
            # files are read again for each: certificates are renewed while programs run
            self._connection = Connection(self._endpoint, self._tls)
        compress = not self._endpoint.loopback and len(payload) > COMPRESS_FROM
        call = HttpCall(
            self._connection, self._headers, payload, timeout_s=timeout_s, compress=compress
        )
        if last:
            call.run()
        else:
            call.start()
        return call

    def answer(self, call: HttpCall) -> Answer:
        """Say what came of a request that has ended."""
        outcome = call.outcome
        if not isinstance(outcome, Reply):
            with_certificate = bool(self._tls.cert)
            return Answer(AGAIN, cause(outcome, self._endpoint, with_certificate=with_certificate))
        status = outcome.status
        if 200 <= status < 300:
            return _taken(outcome)
        why = _said(outcome)
        if status in _RETRYABLE:
            return Answer(AGAIN, why, delay_s=_requested_delay_s(outcome))
        if status == http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return Answer(TOO_LARGE)
        of_the_sender = status in _OF_THE_SENDER or 300 <= status < 400
        return Answer(REFUSED, why, for_good=not of_the_sender)

    def disconnect(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


class HttpCall:
    """One request."""

    def __init__(
        self,
        connection: Connection,
        headers: Dict[str, str],
        payload: bytes,
        *,
        timeout_s: float,
        compress: bool,
    ) -> None:
        self._connection = connection
        self._headers = headers
        self._payload = payload
        self._timeout_s = timeout_s
        self._compress = compress
        self._until = time.monotonic() + timeout_s
        self._lock = threading.Lock()
        self._callback: Optional[Callable[[Any], None]] = None
        self._thread: Optional[threading.Thread] = None
        self._outcome: Union[Reply, Exception, None] = None

    @property
    def outcome(self) -> Union[Reply, Exception]:
        """What the receiver answered, or why it did not; of a request that has ended."""
        return self._outcome or TimeoutError()

    def start(self) -> None:
        """Make the request on another thread."""
        thread = threading.Thread(target=self.run, name="arc-http", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the system gives no more threads
            self.run()
        else:
            self._thread = thread

    def run(self) -> None:
        """Make the request."""
        try:
            outcome: Union[Reply, Exception] = self._made()
        except Exception as problem:
            outcome = problem
        with self._lock:
            self._outcome = self._outcome or outcome
            callback = self._callback
        if callback is not None:
            callback(self)

    def _made(self) -> Reply:
        headers, body = self._headers, self._payload
        if self._compress:
            headers, body = {**headers, "content-encoding": "gzip"}, gzip.compress(body, 6)
        with _not_instrumented():
            return self._connection.post(headers, body, max(0.0, self._until - time.monotonic()))

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """Have `callback` called with this call once it has ended."""
        with self._lock:
            self._callback = callback
            ended = self._outcome is not None
        if ended:
            callback(self)

    def done(self) -> bool:
        """Tell whether it has ended; one that takes too long in all is ended by that."""
        if self._outcome is None and time.monotonic() > self._until:
            self.cancel()
        return self._outcome is not None

    def cancel(self) -> None:
        """End it now, and its thread as soon as the system lets go of that."""
        with self._lock:
            self._outcome = self._outcome or TimeoutError()
        self._connection.abort()
        if self._thread is not None:
            self._thread.join(_ENDED_WITHIN_S)


def _taken(reply: Reply) -> Answer:
    if not reply.headers.get("content-type", "").startswith(_PROTOBUF):
        return Answer(TAKEN)
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    try:
        partial = ExportTraceServiceResponse.FromString(reply.body).partial_success
    except DecodeError:  # the spans were taken all the same
        return Answer(TAKEN)
    return Answer(TAKEN, partial.error_message, rejected=partial.rejected_spans)


def _said(reply: Reply) -> str:
    """Return status and reason of an answer, as far as it can be read."""
    with contextlib.suppress(ValueError):
        phrase = http.HTTPStatus(reply.status).phrase
        return f"it answered {reply.status} {phrase}{_details(reply)}"
    return f"it answered {reply.status}{_details(reply)}"


def _details(reply: Reply) -> str:
    if 300 <= reply.status < 400:
        return f": it has moved to {reply.headers.get('location', 'nowhere')[:200]}"
    kind = reply.headers.get("content-type", "")
    if kind.startswith(_PROTOBUF):
        # google.rpc.Status: 1 code, 2 message
        from runtime._telemetry.retry import message_of

        text = message_of(reply.body)
    elif kind.startswith(("application/json", "text/plain")):
        text = reply.body[:1000].decode("utf-8", "replace")
    else:
        text = ""
    text = " ".join(text.split())[:300].rstrip(".")
    return f": {text}" if text else ""


def _requested_delay_s(reply: Reply) -> Optional[float]:
    """Return the seconds that `Retry-After` asks for, as a number or as a date."""
    asked = reply.headers.get("retry-after", "").strip()
    if asked.isascii() and asked.isdecimal():
        return float(asked[:6])
    try:
        return max(0.0, email.utils.parsedate_to_datetime(asked).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


@contextlib.contextmanager
def _not_instrumented() -> Iterator[None]:
    context: Any = sys.modules.get("opentelemetry.context")
    if context is None:
        yield
        return
    quiet = context.get_current()
    for key in _SUPPRESSING:
        quiet = context.set_value(key, True, quiet)
    token = context.attach(quiet)
    try:
        yield
    finally:
        context.detach(token)
