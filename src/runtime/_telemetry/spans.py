"""Encodes described calls as OTLP spans."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, List, Optional, Tuple

from arc_protocol import semconv
from runtime._telemetry import changes
from runtime._telemetry.description import Description
from runtime._telemetry.tracer import current_span_context

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
    from opentelemetry.proto.trace.v1.trace_pb2 import Span


def encode(
    description: Description, *, capture_content: bool, ids: Optional[Tuple[int, int]] = None
) -> Span:
    """Return the span of a call, in the trace to which the application's own span belongs.

    `ids` are trace and span id of the same span in the application's tracer provider, if it has
    one.
    """
    # protobuf takes tens of milliseconds to import: only the worker's thread has them
    from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

    call = description.call
    parent = current_span_context(call.context)
    if ids is None:
        trace_id = os.urandom(16) if parent is None else parent.trace_id.to_bytes(16, "big")
        span_id = os.urandom(8)
    else:
        trace_id, span_id = ids[0].to_bytes(16, "big"), ids[1].to_bytes(8, "big")
    attributes = description.all_attributes(capture_content=capture_content)
    # for Core to learn from, not for the application's own tracer provider
    recorded = changes.recorded(call.body)
    if recorded is not None:
        attributes[semconv.ARC_REQUEST] = recorded
    span = Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=b"" if parent is None else parent.span_id.to_bytes(8, "big"),
        name=description.name,
        kind=Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=call.started_ns,
        end_time_unix_nano=description.ended_ns,
        attributes=key_values(attributes),
    )
    if description.failure is not None:
        span.status.code = Status.STATUS_CODE_ERROR
        span.status.message = description.failure
    event = description.exception_event()
    if event is not None:
        span.events.add(
            time_unix_nano=description.ended_ns, name="exception", attributes=key_values(event)
        )
    return span


def key_values(attributes: Any) -> List[KeyValue]:
    """Return attributes in OTLP's form."""
    from opentelemetry.proto.common.v1.common_pb2 import KeyValue

    return [KeyValue(key=name, value=_any_value(value)) for name, value in attributes.items()]


def _any_value(value: Any) -> AnyValue:
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue

    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=[_any_value(each) for each in value]))
    return AnyValue(string_value=value)
