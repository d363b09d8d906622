"""Answers to requests that were taken."""

from __future__ import annotations

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from arc_core.collector.spans import Reading


def answer(reading: Reading) -> ExportTraceServiceResponse:
    """Return the acknowledgement; it says how many spans were rejected and why."""
    response = ExportTraceServiceResponse()
    rejected = reading.rejected.total()
    if rejected:
        more = "" if rejected == len(reading.sentences) else ", ..."
        response.partial_success.rejected_spans = rejected
        response.partial_success.error_message = (
            f"{rejected} spans are rejected: {'; '.join(reading.sentences)}{more}"
        )
    return response
