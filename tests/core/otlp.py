"""Spans as an application sends them."""

from __future__ import annotations

import time
from collections.abc import Iterable

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def request(span_ids: Iterable[int], trace_id: int = 1) -> ExportTraceServiceRequest:
    """Return a request with one chat call per span id."""
    made = ExportTraceServiceRequest()
    spans = made.resource_spans.add().scope_spans.add().spans
    now = time.time_ns()
    for span_id in span_ids:
        span = spans.add(
            trace_id=trace_id.to_bytes(16, "big"),
            span_id=span_id.to_bytes(8, "big"),
            name="chat gpt-4.1",
            start_time_unix_nano=now - 1_000_000,
            end_time_unix_nano=now,
        )
        for key, value in (
            ("gen_ai.operation.name", "chat"),
            ("gen_ai.provider.name", "openai"),
            ("gen_ai.request.model", "gpt-4.1"),
        ):
            span.attributes.append(KeyValue(key=key, value=AnyValue(string_value=value)))
    return made


def exporter(channel: grpc.Channel) -> grpc.UnaryUnaryMultiCallable:
    """Return the call of `TraceService/Export`."""
    return channel.unary_unary(
        EXPORT,
        request_serializer=ExportTraceServiceRequest.SerializeToString,
        response_deserializer=ExportTraceServiceResponse.FromString,
    )
