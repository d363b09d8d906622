"""Decodes OTLP requests as far as single spans, from protobuf and from JSON."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from arc_core.collector import envelope
from arc_core.collector.refusals import NotOtlpError
from arc_core.collector.spans import SPAN_LIMIT, Reading
from arc_core.collector.values import RejectedError


def read_protobuf(payload: bytes, reading: Reading) -> None:
    """Read an encoded `ExportTraceServiceRequest`; raises `NotOtlpError`."""
    if len(payload) <= SPAN_LIMIT:  # no span can be larger
        try:
            whole = envelope.Request.FromString(payload)
        except DecodeError:  # perhaps of one span only
            pass
        else:
            for sent in whole.resource_spans:
                for scope in sent.scope_spans:
                    reading.add(sent.resource, scope.scope, scope.spans)
            return
    try:
        request = envelope.Apart.FromString(payload)
    except DecodeError:
        raise NotOtlpError(
            "The request is no ExportTraceServiceRequest of OTLP: it cannot be decoded."
        ) from None
    for sent in request.resource_spans:
        for scope in sent.scope_spans:
            reading.add(sent.resource, scope.scope, reading.decoded(scope.spans))


def read_json(payload: bytes, reading: Reading) -> None:
    """Read an `ExportTraceServiceRequest` in OTLP's JSON, where ids are hexadecimal."""
    try:
        request = json.loads(payload)
    except (ValueError, RecursionError) as problem:
        raise NotOtlpError(f"The request is no JSON: {problem}.") from None
    for sent in _objects(request, "resourceSpans"):
        for scope in _objects(sent, "scopeSpans"):
            try:
                resource = _encoded(sent.get("resource") or {}, Resource())
                by = _encoded(scope.get("scope") or {}, InstrumentationScope())
            except RejectedError as problem:
                raise NotOtlpError(f"A resource or scope of the request: {problem}.") from None
            reading.add(resource, by, reading.decoded(_spans(scope, reading)))


def _objects(parent: Any, name: str) -> list[dict[str, Any]]:
    found = parent.get(name) or [] if isinstance(parent, dict) else None
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise NotOtlpError(
            "The request is no ExportTraceServiceRequest of OTLP in JSON:"
            f" it has no list of objects {name}."
        )
    return found


def _spans(scope: dict[str, Any], reading: Reading) -> Iterator[bytes]:
    for span in _objects(scope, "spans"):
        try:
            encoded = _encoded(_with_bytes(span), Span())
        except RejectedError as problem:
            reading.reject(problem)
            continue
        yield encoded


def _encoded(described: Any, message: Any) -> bytes:
    try:
        json_format.ParseDict(described, message, ignore_unknown_fields=True)
    # what is not of the type that a field has makes ParseDict raise any of these
    except (json_format.Error, RecursionError, AttributeError, TypeError, ValueError) as problem:
        raise RejectedError("encoding", f"it is no OTLP in JSON: {problem}") from None
    encoded: bytes = message.SerializeToString()
    return encoded


def _with_bytes(span: dict[str, Any]) -> dict[str, Any]:
    """Return the span with its ids as protobuf's JSON has them, in base64; links are left out."""
    changed = {name: value for name, value in span.items() if name != "links"}
    for name in ("traceId", "spanId", "parentSpanId"):
        if name in changed:
            try:
                changed[name] = base64.b64encode(binascii.unhexlify(changed[name])).decode()
            except (TypeError, ValueError):
                raise RejectedError("ids", f"its {name} is not hexadecimal") from None
    return changed
