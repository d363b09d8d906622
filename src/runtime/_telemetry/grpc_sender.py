"""Sends batches by OTLP/gRPC."""

from __future__ import annotations

import functools
from typing import Any

from runtime._endpoint import Endpoint
from runtime._telemetry import channels, greenlets
from runtime._telemetry.answers import (
    AGAIN,
    COMPRESS_FROM,
    LARGEST,
    REFUSED,
    TAKEN,
    TOO_LARGE,
    Answer,
)
from runtime._telemetry.causes import cause
from runtime._telemetry.channels import Headers
from runtime._telemetry.direct import DirectCall
from runtime._telemetry.retry import OF_THE_SENDER, RETRYABLE, requested_delay_s
from runtime._telemetry.tls import TlsFiles

METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


class GrpcSender:
    """A `Sender` with one channel."""

    uses_grpc = True

    def __init__(self, endpoint: Endpoint, tls: TlsFiles, headers: Headers) -> None:
        self._endpoint = endpoint
        self._tls = tls
        self._metadata = list(headers)
        self._channel: Any = None
        self._export: Any = None

    def send(self, payload: bytes, *, timeout_s: float, last: bool) -> Any:
        """Start a request; raises `TlsFileError`."""
        if self._channel is None:
            self._connect()
        import grpc

        start = self._export.future
        if greenlets.are_threads():
            start = functools.partial(greenlets.PooledCall, self._export)
        elif last:
            start = functools.partial(DirectCall, self._export)
        compress = not self._endpoint.loopback and len(payload) > COMPRESS_FROM
        return start(
            payload,
            timeout=timeout_s,
            metadata=self._metadata,
            compression=grpc.Compression.Gzip if compress else None,
        )

    def _connect(self) -> None:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
            ExportTraceServiceResponse,
        )

        self._channel = channels.connect(self._endpoint, self._tls, message_limit=LARGEST)
        self._export = self._channel.unary_unary(
            METHOD, response_deserializer=ExportTraceServiceResponse.FromString
        )

    def answer(self, call: Any) -> Answer:
        """Say what came of a request that has ended."""
        code = call.code().name
        if code == "OK":
            partial = call.result().partial_success
            return Answer(TAKEN, partial.error_message, rejected=partial.rejected_spans)
        delay_s = requested_delay_s(call.trailing_metadata())
        details = call.details() or ""
        if code in RETRYABLE or (code == "RESOURCE_EXHAUSTED" and delay_s is not None):
            with_certificate = bool(self._tls.cert)
            why = cause(code, details, self._endpoint, with_certificate=with_certificate)
            return Answer(AGAIN, why, delay_s=delay_s)
        if code == "RESOURCE_EXHAUSTED":
            return Answer(TOO_LARGE)
        why = f"it answered {code}: {(details or 'no reason given')[:300].rstrip('.')}"
        return Answer(REFUSED, why, for_good=code not in OF_THE_SENDER)

    def disconnect(self) -> None:
        """Close the channel."""
        channel, self._channel, self._export = self._channel, None, None
        if channel is not None:
            channel.close()
