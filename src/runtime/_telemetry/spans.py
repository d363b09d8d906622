"""Encodes described calls as OTLP spans."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Mapping, Optional, Tuple

from arc_protocol import semconv
from arc_protocol.turns import turn
from runtime._telemetry import changes
from runtime._telemetry.description import Description
from runtime._telemetry.tracer import current_span_context

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue
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
        noise = os.urandom(24)
        trace_id = noise[8:] if parent is None else parent.trace_id.to_bytes(16, "big")
        span_id = noise[:8]
    else:
        trace_id, span_id = ids[0].to_bytes(16, "big"), ids[1].to_bytes(8, "big")
    attributes = description.all_attributes(capture_content=capture_content)
    if call.api.fetches is None:
        # for Core to learn from, not for the application's own tracer provider
        recorded = changes.recorded(call.body)
        if recorded is not None:
            attributes[semconv.ARC_REQUEST] = recorded
        if parent is not None or semconv.ARC_SESSION in attributes:  # part of a run
            added = turn(description.content)
            if added is not None:
                attributes[semconv.ARC_TURN] = added.to_json()
    span = Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=b"" if parent is None else parent.span_id.to_bytes(8, "big"),
        name=description.name,
        kind=Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=call.started_ns,
        end_time_unix_nano=description.ended_ns,
    )
    add_attributes(span.attributes, attributes)
    if description.failure is not None:
        span.status.code = Status.STATUS_CODE_ERROR
        span.status.message = description.failure
    event = description.exception_event()
    if event is not None:
        raised = span.events.add(time_unix_nano=description.ended_ns, name="exception")
        add_attributes(raised.attributes, event)
    return span


def add_attributes(fields: Any, attributes: Mapping[str, Any]) -> None:
    """Write attributes into a field of OTLP's `KeyValue` messages."""
    # added in place, as a message made first is copied into the other
    add = fields.add
    for name, value in attributes.items():
        _write(add(key=name).value, value)


def _write(place: AnyValue, value: Any) -> None:
    if isinstance(value, str):
        place.string_value = value
    elif isinstance(value, bool):
        place.bool_value = value
    elif isinstance(value, int):
        place.int_value = value
    elif isinstance(value, float):
        place.double_value = value
    else:
        elements = place.array_value.values
        for each in value:
            _write(elements.add(), each)
