"""What is known of a call once it has ended, and how providers say what they know."""

from __future__ import annotations

import contextvars
from typing import Any, Mapping, NamedTuple, Optional, Protocol, Sequence

from arc_protocol.patterns import Decision, PatternSet
from arc_protocol.patterns.allocation import TREATED
from arc_protocol.patterns.decision import Assignment


class Reading(NamedTuple):
    """What telemetry says of one request or reply."""

    attributes: Mapping[str, Any]
    """OpenTelemetry attributes without message content: always sent."""
    content: Mapping[str, Any]
    """The opt-in attributes (messages, instructions, tools) as JSON-like structures."""


class Reader(Protocol):
    """Understands the requests and replies of one API; runs on the worker thread alone."""

    def request(self, body: Mapping[str, Any]) -> Reading:
        """Read the body of a request as the provider receives it."""

    def reply(self, reply: Any) -> Reading:
        """Read an SDK's reply object, or the mapping parsed from a raw body."""

    def chunks(self, chunks: Sequence[Any], folded: Any = None) -> Any:
        """Fold chunks into what earlier ones were folded to, something that `reply` reads."""


class Api(NamedTuple):
    """One API of a provider, for example chat completions."""

    operation: str
    """The word that patterns use: `chat`, `responses`, `embeddings`."""
    convention: str
    """`gen_ai.operation.name` of its spans: `chat`, `embeddings`, `text_completion`."""
    reader: Reader
    history: str = "messages"
    """Parameter that holds the list which applications keep appending to."""
    fetches: Optional[Mapping[str, Any]] = None
    """Of a call that only fetches what another has generated, and so has no body: what it asks for.

    There is nothing to match, to fix or to heal, and what is wrong with it was told with the other.
    """


class Server(NamedTuple):
    """Who answers a client's calls."""

    provider: str
    """`gen_ai.provider.name`."""
    address: Optional[str]
    port: Optional[int]
    name: Optional[str] = None
    """host:port, as patterns name it."""


class CallError(NamedTuple):
    """What telemetry keeps of an exception, so that no traceback is held."""

    type: str
    """Fully qualified name of the exception's class."""
    message: str
    status: Optional[int] = None
    """HTTP status code, when the provider answered."""
    code: Optional[str] = None
    param: Optional[str] = None
    retries: Optional[int] = None
    """How often the SDK had sent the request again before; None where it does not say."""


HEALED, FAILED, FORBIDDEN = "healed", "failed", "forbidden"
"""Outcomes of a `Healing`: the second attempt succeeded, or failed; or the policy forbade it."""


class Healing(NamedTuple):
    """What became of the wish to send a call that had failed once more."""

    error: CallError
    """That of the first attempt."""
    fix: Mapping[str, Any]
    """What was to be changed, as a fix of the pattern language; empty for the same call again."""
    outcome: str = FAILED
    assignment: Optional[Assignment] = None
    """The arm of the pattern on trial whose fix this was, or was compared with."""

    @property
    def attempt(self) -> str:
        """What was tried: the cure that the error names, the fix on trial, or the same again."""
        if self.assignment is None:
            return "repair"
        return "rescue" if self.assignment.arm == TREATED else "retry"


class FinishedCall:
    """A finished call as the worker sees it; the caller's thread only appended references."""

    __slots__ = (
        "abandoned",
        "api",
        "body",
        "context",
        "decision",
        "duration_s",
        "enforced",
        "error",
        "first_chunk_s",
        "healing",
        "instrumented_by",
        "overhead_s",
        "patterns",
        "reply",
        "retries",
        "sent",
        "served_model",
        "server",
        "started_ns",
        "stream",
    )

    def __init__(
        self,
        *,
        api: Api,
        server: Server,
        patterns: PatternSet,
        context: contextvars.Context,
        body: Mapping[str, Any],
        sent: Mapping[str, Any],
        decision: Optional[Decision],
        enforced: bool,
        started_ns: int,
        duration_s: float,
        overhead_s: float,
        stream: bool = False,
        first_chunk_s: Optional[float] = None,
        abandoned: bool = False,
        reply: Any = None,
        error: Optional[CallError] = None,
        healing: Optional[Healing] = None,
        retries: Optional[int] = None,
        served_model: Optional[str] = None,
        instrumented_by: Optional[str] = None,
    ) -> None:
        self.api = api
        self.server = server
        self.patterns = patterns
        """The set that decided."""
        self.context = context
        """Copy of the application's context at the call: its current span and session."""
        self.body = body
        """The request as the application made it."""
        self.sent = sent
        """The request that was answered; the same object when nothing was changed."""
        self.decision = decision
        self.enforced = enforced
        """False in observe mode: `decision` was not carried out."""
        self.started_ns = started_ns
        """Unix time in nanoseconds."""
        self.duration_s = duration_s
        self.overhead_s = overhead_s
        """Seconds that Arc itself took on the caller's thread."""
        self.stream = stream
        self.first_chunk_s = first_chunk_s
        """Seconds from start to the first chunk of a stream."""
        self.abandoned = abandoned
        """The application closed or dropped the stream before its end."""
        self.reply = reply
        """The SDK's reply object, or folded chunks, or None."""
        self.error = error
        """That of the first attempt when a second one has failed as well."""
        self.healing = healing
        self.retries = retries
        """How often the SDK had sent the request again; None where it does not say."""
        self.served_model = served_model
        """The model that a gateway says has answered; None where none does."""
        self.instrumented_by = instrumented_by
        """Another instrumentation that already makes a span for this call."""
