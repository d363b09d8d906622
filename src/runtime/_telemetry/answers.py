"""What a receiver says to a batch, in words that no protocol has; and who asks it."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple, Optional, Protocol

from runtime._endpoint import Endpoint
from runtime._telemetry.channels import Headers
from runtime._telemetry.tls import TlsFiles

TAKEN, AGAIN, TOO_LARGE, REFUSED = "taken", "again", "too_large", "refused"
"""The batch was taken, at least in part; is to be sent again; is too large; or not wanted."""

COMPRESS_FROM = 4096
"""Bytes from which on a batch is compressed, unless it stays on this machine."""
LARGEST = 1024 * 1024
"""Bytes of an answer that are read."""


class Answer(NamedTuple):
    """What came of one request."""

    kind: str
    why: str = ""
    """For people: why it was not taken, or which spans were not."""
    rejected: int = 0
    """Spans of a taken batch that the receiver did not want."""
    delay_s: Optional[float] = None
    """How long the receiver wants to be left alone; None where it does not say."""
    for_good: bool = False
    """Whether this very batch will never be taken."""


class Call(Protocol):
    """A request under way; the part of gRPC's futures that is used."""

    def done(self) -> bool:
        """Tell whether it has ended."""

    def cancel(self) -> Any:
        """End it soon."""

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """Have `callback` called with it once it has ended, on any thread."""


class Sender(Protocol):
    """Sends batches by one protocol, one at a time."""

    uses_grpc: bool

    def send(self, payload: bytes, *, timeout_s: float, last: bool) -> Call:
        """Start a request; raises `TlsFileError`. The `last` ones start no thread."""

    def answer(self, call: Any) -> Answer:
        """Say what came of a request that has ended."""

    def disconnect(self) -> None:
        """Close the connection; the next request opens another."""


def sender(endpoint: Endpoint, tls: TlsFiles, headers: Headers) -> Sender:
    """Return who speaks the protocol of the endpoint; what that needs is not imported yet."""
    if endpoint.http:
        from runtime._telemetry.http_sender import HttpSender

        return HttpSender(endpoint, tls, headers)
    from runtime._telemetry.grpc_sender import GrpcSender

    return GrpcSender(endpoint, tls, headers)
