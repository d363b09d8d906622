"""OTLP/gRPC: `TraceService/Export`."""

from __future__ import annotations

from typing import Any

import grpc

from arc_core.collector.answers import answer
from arc_core.collector.decoding import read_protobuf
from arc_core.collector.intake import REQUEST_LIMIT, Intake
from arc_core.collector.refusals import RefusedError

SERVER_OPTIONS: tuple[tuple[str, Any], ...] = (
    # gRPC's own refusal says less than ours, so it is for what is larger still
    ("grpc.max_receive_message_length", 2 * REQUEST_LIMIT),
)
"""What a `grpc.aio.server` needs so that requests of the permitted size arrive."""

_SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"
_DETAILS = "grpc-status-details-bin"


def trace_service(intake: Intake) -> grpc.GenericRpcHandler:
    """Return the service for `grpc.aio.Server.add_generic_rpc_handlers`."""

    async def export(payload: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        try:
            project = await intake.project(_authorization(context), context.peer())
            reading = await intake.take(project, payload, read_protobuf)
        except RefusedError as problem:
            intake.refused(problem)
            details = ((_DETAILS, problem.status().SerializeToString()),)
            await context.abort(problem.code, str(problem), trailing_metadata=details)
        return answer(reading).SerializeToString()

    # messages stay bytes here: they are decoded one span at a time
    handler = grpc.unary_unary_rpc_method_handler(export)
    return grpc.method_handlers_generic_handler(_SERVICE, {"Export": handler})


def _authorization(context: Any) -> str | None:
    for name, value in context.invocation_metadata() or ():
        if name == "authorization":
            return str(value)
    return None
