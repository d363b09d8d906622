"""When to send again: the rules of OTLP, and what a server asks for."""

from __future__ import annotations

import random
from typing import Any, Callable, Dict, Iterator, Optional, Tuple, Union

RETRYABLE = frozenset(
    ("CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS")
)
"""gRPC status codes after which OTLP has a client send again (OTLP specification, failures)."""
OF_THE_SENDER = frozenset(("UNAUTHENTICATED", "PERMISSION_DENIED", "UNIMPLEMENTED"))
"""gRPC status codes that say nothing about what was sent: it may be taken another day."""
_FIRST_S = 1.0
_LONGEST_S = 60.0
_RETRY_INFO = b"type.googleapis.com/google.rpc.RetryInfo"


class Backoff:
    """Grows from 1 to 60 s with full jitter: a random share of the bound."""

    def __init__(self, jitter: Callable[[], float] = random.random) -> None:
        self._jitter = jitter
        self._failures = 0

    def next_delay_s(self) -> float:
        """Return the seconds to wait after one more failure."""
        bound = min(_LONGEST_S, _FIRST_S * 2.0**self._failures)
        self._failures = min(self._failures + 1, 10)
        return self._jitter() * bound

    def reset(self) -> None:
        """Begin anew after a success."""
        self._failures = 0


def requested_delay_s(metadata: Any) -> Optional[float]:
    """Return the delay in the trailing metadata's `google.rpc.RetryInfo`, or None.

    Servers put it into `grpc-status-details-bin` inside a `google.rpc.Status`, some directly into
    `google.rpc.retryinfo-bin`.
    """
    found: Dict[str, bytes] = dict(metadata or ())
    try:
        if "google.rpc.retryinfo-bin" in found:
            return _duration_s(found["google.rpc.retryinfo-bin"])
        for number, detail in _fields(found.get("grpc-status-details-bin", b"")):
            if number == 3 and isinstance(detail, bytes):  # Status.details, each an Any
                parts = dict(_fields(detail))
                if parts.get(1) == _RETRY_INFO and isinstance(parts.get(2), bytes):
                    return _duration_s(parts[2])
    except (IndexError, ValueError, TypeError):
        return None
    return None


def message_of(status: bytes) -> str:
    """Return the words of an encoded `google.rpc.Status`; nothing where they cannot be read."""
    try:
        said = dict(_fields(status)).get(2, b"")
    except (IndexError, ValueError):
        return ""
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else ""


def _duration_s(retry_info: Any) -> float:
    delay = dict(_fields(retry_info)).get(1, b"")
    parts = dict(_fields(delay if isinstance(delay, bytes) else b""))
    seconds, nanos = parts.get(1, 0), parts.get(2, 0)
    return float(seconds if isinstance(seconds, int) else 0) + (
        nanos / 1e9 if isinstance(nanos, int) else 0.0
    )


def _fields(message: bytes) -> Iterator[Tuple[int, Union[int, bytes]]]:
    """Yield the fields of a protobuf message that are integers or bytes."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, wire_type = key >> 3, key & 7
        if wire_type not in (0, 2):
            raise ValueError(wire_type)
        value, at = _varint(message, at)
        if wire_type == 2:
            yield number, message[at : at + value]
            at += value
        else:
            yield number, value


def _varint(message: bytes, at: int) -> Tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
