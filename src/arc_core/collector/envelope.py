"""OTLP's trace messages with everything that a sender can spoil left as bytes.

The official classes refuse a whole request when one text in it is not UTF-8 or one value is nested
too deeply. Read through these, which have the same encoding, each attribute can be decoded, and its
span refused, on its own; each span as well, where a request is not protobuf throughout. Attributes
as bytes are also what makes decoding fast: see `attributes.py`.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_BYTES = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
_FIXED64 = descriptor_pb2.FieldDescriptorProto.TYPE_FIXED64
_MESSAGE = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE
_ONE = descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL
_MANY = descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED

_PACKAGE = "arc.collector"
# numbers are those of opentelemetry/proto/trace/v1/trace.proto and common/v1/common.proto
_MESSAGES: dict[str, list[tuple[str, int, Any, Any, str]]] = {
    "Request": [("resource_spans", 1, _MESSAGE, _MANY, "ResourceSpans")],
    "ResourceSpans": [
        ("resource", 1, _BYTES, _ONE, ""),
        ("scope_spans", 2, _MESSAGE, _MANY, "ScopeSpans"),
    ],
    "ScopeSpans": [("scope", 1, _BYTES, _ONE, ""), ("spans", 2, _MESSAGE, _MANY, "Span")],
    "Span": [
        ("trace_id", 1, _BYTES, _ONE, ""),
        ("span_id", 2, _BYTES, _ONE, ""),
        ("parent_span_id", 4, _BYTES, _ONE, ""),
        ("name", 5, _BYTES, _ONE, ""),
        ("start_time_unix_nano", 7, _FIXED64, _ONE, ""),
        ("end_time_unix_nano", 8, _FIXED64, _ONE, ""),
        ("attributes", 9, _BYTES, _MANY, ""),
        ("events", 11, _BYTES, _MANY, ""),
        ("status", 15, _BYTES, _ONE, ""),
    ],
    "Apart": [("resource_spans", 1, _MESSAGE, _MANY, "ResourceSpansApart")],
    "ResourceSpansApart": [
        ("resource", 1, _BYTES, _ONE, ""),
        ("scope_spans", 2, _MESSAGE, _MANY, "ScopeSpansApart"),
    ],
    "ScopeSpansApart": [("scope", 1, _BYTES, _ONE, ""), ("spans", 2, _BYTES, _MANY, "")],
    "KeyValue": [("key", 1, _BYTES, _ONE, ""), ("value", 2, _MESSAGE, _ONE, "AnyValue")],
    "AnyValue": [("string_value", 1, _BYTES, _ONE, "")],
}


def _classes() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(
        name="arc/collector/envelope.proto", package=_PACKAGE, syntax="proto3"
    )
    for message, fields in _MESSAGES.items():
        described = file.message_type.add(name=message)
        for name, number, type_, label, of in fields:
            field = described.field.add(name=name, number=number, type=type_, label=label)
            if of:
                field.type_name = f".{_PACKAGE}.{of}"
    return message_factory.GetMessages([file], pool=descriptor_pool.DescriptorPool())


_made = _classes()
Request: Any = _made[f"{_PACKAGE}.Request"]
"""With all spans decoded at once. Each of its own costs more: memory of its own, and protobuf makes
glibc give back all that is free in the process after so many messages (10,000 pieces in 7.36)."""
Apart: Any = _made[f"{_PACKAGE}.Apart"]
"""A request whose spans are still encoded."""
Span: Any = _made[f"{_PACKAGE}.Span"]
KeyValue: Any = _made[f"{_PACKAGE}.KeyValue"]
"""Of its value there is the text alone."""
