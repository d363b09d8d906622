"""Why a whole request is refused, in the codes of gRPC and of HTTP."""

from __future__ import annotations

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status


class RefusedError(Exception):
    """Nothing of a request is taken; the message is a sentence for the sender.

    Only with `retry_after_s` is the sender to send the same again.
    """

    reason: str
    """For counting."""
    code: grpc.StatusCode
    http_status: int

    def __init__(self, sentence: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(sentence)
        self.retry_after_s = retry_after_s

    def status(self) -> Status:
        """Return the refusal as OTLP sends it, with RetryInfo where that applies."""
        made = Status(code=self.code.value[0], message=str(self))
        if self.retry_after_s is not None:
            delay = Duration()
            delay.FromNanoseconds(int(self.retry_after_s * 1e9))
            detail = Any()
            detail.Pack(RetryInfo(retry_delay=delay))
            made.details.append(detail)
        return made


class NoAccessError(RefusedError):
    """The sender shows no key, or none that is known."""

    reason = "access"
    code = grpc.StatusCode.UNAUTHENTICATED
    http_status = 401


class TooLargeError(RefusedError):
    """The request has more bytes than are taken."""

    reason = "too_large"
    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    http_status = 413


class NotOtlpError(RefusedError):
    """The request cannot be understood at all."""

    reason = "not_otlp"
    code = grpc.StatusCode.INVALID_ARGUMENT
    http_status = 400


class ContentTypeError(RefusedError):
    """The request is in a form that is not spoken here."""

    reason = "content_type"
    code = grpc.StatusCode.INVALID_ARGUMENT
    http_status = 415


class BufferFullError(RefusedError):
    """More is waiting to be stored than may be."""

    reason = "buffer_full"
    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    http_status = 429


class UnavailableError(RefusedError):
    """Calls cannot be stored now."""

    reason = "unavailable"
    code = grpc.StatusCode.UNAVAILABLE
    http_status = 503


class UnstorableError(RefusedError):
    """The store will never take these calls."""

    reason = "unstorable"
    code = grpc.StatusCode.INTERNAL
    http_status = 500
