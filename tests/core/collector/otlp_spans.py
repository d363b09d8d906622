"""Spans as senders make them, and what the collector reads from them."""

from __future__ import annotations

from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from arc_core.collector.decoding import read_protobuf
from arc_core.collector.spans import Reading
from arc_core.model.calls import COLUMNS

RECEIVED_AT = 1_795_000_000_000_000
STARTED_NS = 1_794_999_990_000_000_000
CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4.1",
}


def attribute(name: str, value: Any) -> KeyValue:
    """Return an attribute in OTLP's form."""
    return KeyValue(key=name, value=any_value(value))


def any_value(value: Any) -> AnyValue:
    """Return a value in OTLP's form."""
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=[any_value(each) for each in value]))
    if isinstance(value, dict):
        pairs = [attribute(name, each) for name, each in value.items()]
        return AnyValue(kvlist_value=KeyValueList(values=pairs))
    kinds = {
        bool: "bool_value",
        int: "int_value",
        float: "double_value",
        str: "string_value",
        bytes: "bytes_value",
    }
    return AnyValue(**{kinds[type(value)]: value})


def span(number: int = 1, attributes: dict[str, Any] | None = None, **fields: Any) -> Span:
    """Return the span of a chat call that took 250 ms; `fields` are those of `Span`."""
    described = {**CHAT, **(attributes or {})}
    return Span(
        **{
            "trace_id": b"\1" * 16,
            "span_id": number.to_bytes(8, "big"),
            "name": "chat gpt-4.1",
            "start_time_unix_nano": STARTED_NS,
            "end_time_unix_nano": STARTED_NS + 250_000_000,
            "attributes": [attribute(name, value) for name, value in described.items()],
            **fields,
        }
    )


def foreign_span(attributes: dict[str, Any], **fields: Any) -> Span:
    """Return a span with these attributes alone."""
    made = span(**fields)
    del made.attributes[:]
    made.attributes.extend(attribute(name, value) for name, value in attributes.items())
    return made


def request(*spans: Span, resource: dict[str, Any] | None = None) -> ExportTraceServiceRequest:
    """Return a request with these spans."""
    made = ExportTraceServiceRequest()
    sent = made.resource_spans.add()
    described = {"service.name": "shop", **(resource or {})}
    sent.resource.attributes.extend(attribute(name, each) for name, each in described.items())
    sent.scope_spans.add(spans=spans)
    return made


def read(payload: bytes | ExportTraceServiceRequest) -> Reading:
    """Return what the collector reads from a request."""
    reading = Reading("default", RECEIVED_AT)
    encoded = payload if isinstance(payload, bytes) else payload.SerializeToString()
    read_protobuf(encoded, reading)
    return reading


def records(reading: Reading) -> list[dict[str, Any]]:
    """Return the calls that were read, by name of column."""
    return [dict(zip([column.name for column in COLUMNS], row)) for row in reading.rows]


def record(*spans: Span, **resource: Any) -> dict[str, Any]:
    """Return the only call in these spans."""
    (found,) = records(read(request(*spans, resource=resource)))
    return found
