"""OTLP/HTTP: `POST /v1/traces` in protobuf and JSON."""

from __future__ import annotations

import http
import math
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

from google.protobuf import json_format
from google.protobuf.message import Message
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from arc_core.collector.answers import answer
from arc_core.collector.decoding import read_json, read_protobuf
from arc_core.collector.intake import REQUEST_LIMIT, Intake, too_large
from arc_core.collector.refusals import ContentTypeError, NotOtlpError, RefusedError
from arc_core.collector.spans import Reading


class _Form(NamedTuple):
    content_type: str
    read: Callable[[bytes, Reading], None]
    write: Callable[[Message], bytes]


def _to_protobuf(message: Message) -> bytes:
    return message.SerializeToString()


def _to_json(message: Message) -> bytes:
    return json_format.MessageToJson(message, indent=None).encode()


_PROTOBUF = _Form("application/x-protobuf", read_protobuf, _to_protobuf)
_JSON = _Form("application/json", read_json, _to_json)
_FORMS = {form.content_type: form for form in (_PROTOBUF, _JSON)}

TRACES = "/v1/traces"


def _content(message: str) -> dict[str, Any]:
    schema = {"type": "object", "description": f"{message} in the JSON form of protobuf"}
    binary = {"description": f"{message} in protobuf"}
    return {_PROTOBUF.content_type: {"schema": binary}, _JSON.content_type: {"schema": schema}}


def describe_traces() -> dict[str, Any]:
    """Return what an OpenAPI 3.1 description says of the path."""
    refusals = {
        str(status): {
            "description": http.HTTPStatus(status).phrase,
            "content": _content("google.rpc.Status"),
        }
        for status in (400, 401, 413, 415, 429, 500, 503)
    }
    taken = {
        "description": "Stored, but for spans that partial_success tells of",
        "content": _content("ExportTraceServiceResponse"),
    }
    operation = {
        "summary": "Take finished calls as OpenTelemetry spans (OTLP/HTTP)",
        "operationId": "post_v1_traces",
        "parameters": [
            {
                "name": "Content-Encoding",
                "in": "header",
                "required": False,
                "description": "of the body",
                "schema": {"enum": ["gzip", "identity"]},
            }
        ],
        "requestBody": {"required": True, "content": _content("ExportTraceServiceRequest")},
        "responses": {"200": taken, **refusals},
    }
    return {"post": operation}


def trace_route(intake: Intake) -> Route:
    """Return the route of OTLP/HTTP."""

    async def export(request: Request) -> Response:
        form = _FORMS.get(_content_type(request))
        try:
            if form is None:
                raise ContentTypeError(
                    f"The content type {_content_type(request)!r} is not understood: "
                    f"send {' or '.join(_FORMS)}."
                )
            caller = request.client.host if request.client else "an unknown address"
            project = await intake.project(request.headers.get("authorization"), caller)
            payload = await _payload(request)
            reading = await intake.take(project, payload, form.read)
        except RefusedError as problem:
            intake.refused(problem)
            return _refusal(problem, form or _JSON)
        return Response(form.write(answer(reading)), media_type=form.content_type)

    return Route(TRACES, export, methods=["POST"])


def _refusal(problem: RefusedError, form: _Form) -> Response:
    headers = {}
    if problem.retry_after_s is not None:
        headers["retry-after"] = str(math.ceil(problem.retry_after_s))
    return Response(
        form.write(problem.status()),
        status_code=problem.http_status,
        media_type=form.content_type,
        headers=headers,
    )


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _payload(request: Request) -> bytes:
    """Return the body, decompressed; it is read no further than it may be long."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise ContentTypeError(
            f"The content encoding {encoding!r} is not understood: send gzip or none."
        )
    unpack = zlib.decompressobj(wbits=31) if encoding == "gzip" else None
    payload = bytearray()
    try:
        async for part in request.stream():
            if unpack is None:
                payload += part
            else:
                payload += unpack.decompress(part, REQUEST_LIMIT + 1 - len(payload))
            if len(payload) > REQUEST_LIMIT:
                raise too_large()
    except zlib.error as problem:
        raise NotOtlpError(f"The request is not gzip: {problem}.") from None
    except ClientDisconnect:
        raise NotOtlpError("The request ended before its body did.") from None
    if unpack is not None and (not unpack.eof or unpack.unused_data):
        raise NotOtlpError("The request is not one whole gzip stream.")
    return bytes(payload)
