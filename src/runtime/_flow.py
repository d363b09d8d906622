"""One call from the application's request to its outcome, the same for every SDK."""

from __future__ import annotations

import contextvars
import re
from time import perf_counter
from typing import Any, Callable, List, Mapping, NamedTuple, Optional, Protocol

from arc_protocol.patterns import PatternSet
from runtime._calls import HEALED, Api, CallError, Healing, Server
from runtime._guard import Guard

SLICE = 256
"""Chunks of one stream that are held before they are handed over."""

PENDING = object()
"""Stands for a reply that the application has not read yet."""
_RETRY_COUNT = "x-stainless-retry-count"
"""Header by which SDKs made by Stainless tell how often a request was sent before."""
_SERVED_MODEL = "x-ms-served-model"
"""Header by which Azure tells which model has answered in the place of the one asked for."""
_WORDLESS = re.compile(r"Error code: \d{3}\Z")


class CallSeam(Protocol):
    """What the worker asks of the seam at which a call was intercepted."""

    def parsed_body(self, reply: Any) -> Any:
        """Return a reply that readers understand, or `PENDING`; read nothing from the network."""

    def instrumented_by(self, exchange: Exchange) -> Optional[str]:
        """Name another instrumentation that makes a span for this call."""


class Interception:
    """What every intercepted call needs; one per process, read by all seams."""

    __slots__ = ("active", "enforcing", "guard", "healer", "patterns", "put", "run")

    def __init__(
        self,
        patterns: Callable[[], PatternSet],
        put: Callable[[Any], None],
        guard: Guard,
        run: Optional[Callable[[], Optional[str]]] = None,
    ) -> None:
        self.patterns = patterns
        """Returns the set in force, which is immutable."""
        self.put = put
        """Takes an exchange that has ended, or a `ChunkSlice`; must be quick and must not raise."""
        self.guard = guard
        self.run = run
        """Tells which agent run the application is in."""
        self.enforcing = True
        """False in observe mode: decisions are recorded and not carried out."""
        self.healer: Any = None
        """Finds the repair of a refused request; None while healing is off."""
        self.active = True
        """False after shutdown: seams that could not be undone only pass calls on."""


class Exchange:
    """One call on its way: decided when made, sent by the seam, handed over when it has ended.

    The seam sends `sent` and then calls `end` or `fail`. A stream is announced by `open`; it adds
    its chunks and ends the exchange later. Only the first end counts. None of the methods raises:
    they run between the application and its reply.
    """

    __slots__ = (
        "_interception",
        "abandoned",
        "api",
        "body",
        "chunks",
        "client_class",
        "context",
        "decision",
        "ended_at",
        "enforced",
        "error",
        "first_chunk_at",
        "folded",
        "headers",
        "healing",
        "history",
        "overhead_s",
        "patterns",
        "reply",
        "request",
        "seam",
        "sent",
        "sent_at",
        "server",
        "started_at",
        "stream",
    )

    def __init__(
        self,
        interception: Interception,
        seam: CallSeam,
        api: Api,
        server: Server,
        client_class: type,
        body: Mapping[str, Any],
        started_at: float,
    ) -> None:
        self._interception = interception
        self.seam = seam
        self.api = api
        self.server = server
        self.client_class = client_class
        self.body = body
        self.started_at = self.sent_at = started_at
        self.patterns = patterns = interception.patterns()
        self.enforced = interception.enforcing
        self.decision = decision = (
            patterns.decide(server.provider, api.operation, body, interception.run, server.name)
            if api.fetches is None
            else None
        )
        self.sent = body if decision is None or not self.enforced else decision.body
        history = body.get(api.history)
        # applications go on appending to the list that they have sent
        self.history = history[:] if type(history) is list else None
        self.context = contextvars.copy_context()
        self.stream = False
        self.ended_at = 0.0
        self.error: Optional[CallError] = None
        self.healing: Optional[Healing] = None

    def end(self, reply: Any) -> None:
        """The SDK returned its reply."""
        now = perf_counter()
        if self.ended_at:
            return
        try:
            self.ended_at = now
            self.reply = reply
            self.overhead_s = self.sent_at - self.started_at + perf_counter() - now
            self._interception.put(self)
        except Exception as fault:
            self._interception.guard.caught("record", fault)

    def fail(self, error: BaseException) -> None:
        """The SDK raised `error`, at once or in the middle of a stream."""
        if self.ended_at:
            return
        try:
            self.ended_at = perf_counter()
            self.reply = None
            self.error = call_error(error)
            self.overhead_s = self.sent_at - self.started_at
            self._interception.put(self)
        except Exception as fault:
            self._interception.guard.caught("record", fault)

    def healed(self, sent: Mapping[str, Any]) -> None:
        """The SDK returned its reply to the second attempt, `sent`; `end` follows."""
        self.sent = sent
        if self.healing is not None:
            self.healing = self.healing._replace(outcome=HEALED)

    def open(self) -> None:
        """The application asked for a stream; the exchange ends when that ends."""
        self.stream = True
        # what the HTTP library sent and got, once the stream is there
        self.request: Any = None
        self.headers: Any = None
        self.chunks: List[Any] = []
        self.first_chunk_at = 0.0
        self.abandoned = False
        self.folded: Any = None

    def add(self, chunk: Any) -> None:
        """A chunk of the stream came."""
        if not self.first_chunk_at:
            self.first_chunk_at = perf_counter()
        self.chunks.append(chunk)
        if len(self.chunks) >= SLICE:
            self.hand_over()

    def retries(self) -> Optional[int]:
        """Return how often the SDK had sent a request again that was answered in the end.

        None where it does not say: of replies that come as nothing but an object.
        """
        if self.stream:
            return None if self.request is None else _told(self.request)
        return _retries_of(getattr(self.reply, "http_response", None))

    def served_model(self) -> Optional[str]:
        """Return the model that has answered, where the reply's headers can be seen and say so."""
        if self.stream:
            headers = self.headers
        else:
            headers = getattr(getattr(self.reply, "http_response", None), "headers", None)
        told = None if headers is None else headers.get(_SERVED_MODEL)
        return told if isinstance(told, str) and told else None

    def hand_over(self) -> None:
        """Leave the chunks so far to the worker, so that a long stream is not held in memory."""
        try:
            chunks, self.chunks = self.chunks, []
            self._interception.put(ChunkSlice(self, chunks))
        except Exception as fault:
            self._interception.guard.caught("record", fault)

    def abandon(self) -> None:
        """The application closed or dropped the stream before its end."""
        if not self.ended_at:
            self.abandoned = True
            self.end(None)

    def fold(self, chunks: List[Any]) -> None:
        """Fold chunks into the reply so far; on the worker's thread."""
        self.folded = self.api.reader.chunks(chunks, self.folded)


class ChunkSlice(NamedTuple):
    """Chunks of a stream that goes on."""

    exchange: Exchange
    chunks: List[Any]


def call_error(error: BaseException) -> CallError:
    """Keep what telemetry needs of an exception; the exception itself would hold the stack."""
    kind = type(error)
    status, code = getattr(error, "status_code", None), getattr(error, "code", None)
    param = getattr(error, "param", None)
    return CallError(
        type=f"{kind.__module__}.{kind.__qualname__}",
        message=_message(error),
        status=status if isinstance(status, int) else None,
        code=code if isinstance(code, str) else None,
        param=param if isinstance(param, str) else None,
        # the request of a connection that failed is the first one, whatever the SDK did after it
        retries=_retries_of(getattr(error, "response", None)),
    )


def _message(error: BaseException) -> str:
    """Return an exception's words; those of the provider, too, where its SDK leaves them out.

    The OpenAI SDK 3 tells in words only what stands at `error.message`. Other servers say it at
    `error` itself, at `detail`, or in plain text.
    """
    said = str(error)
    body = getattr(error, "body", None)
    return f"{said} - {body}" if body and _WORDLESS.match(said) else said


def _retries_of(response: Any) -> Optional[int]:
    """Return how often an SDK had sent a request again, as it tells the provider."""
    if response is None:
        return None
    try:
        return _told(response.request)
    except Exception:  # a response that was made by hand has no request
        return None


def _told(request: Any) -> Optional[int]:
    told = request.headers.get(_RETRY_COUNT)
    return int(told) if isinstance(told, str) and told.isdecimal() else None
