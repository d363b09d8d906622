"""Reads what a span says about its failure and in its events."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from arc_core.collector import values
from arc_core.collector.names import AT, FIRST_CHUNK_EVENTS
from arc_protocol import semconv

MESSAGE_LIMIT = 16 * 1024
"""Characters of an error's message: some proxies answer with whole web pages."""

_STACKTRACE = "exception.stacktrace"
_FAILED, _ERROR_TYPE, _ERROR_MESSAGE = AT["failed"], AT["error_type"], AT["error_message"]
_FIRST_CHUNK_MS = AT["first_chunk_ms"]


def fill(row: list[Any], body: dict[str, Any], sent: Any) -> None:
    """Note how the call ended and when its first chunk came; keep the events that say more.

    `sent` is the span with status and events encoded.
    """
    try:
        status = Status.FromString(sent.status)
        events = [Span.Event.FromString(each) for each in sent.events]
    except DecodeError:
        raise values.RejectedError(
            "encoding", "its status or an event is no UTF-8 or no OTLP"
        ) from None
    failed = status.code == Status.STATUS_CODE_ERROR or bool(row[_ERROR_TYPE])
    message = status.message if failed else ""
    told = []
    for event in events:
        attributes = {each.key: each.value for each in event.attributes}
        if event.name in FIRST_CHUNK_EVENTS and row[_FIRST_CHUNK_MS] is None:
            row[_FIRST_CHUNK_MS] = max(0, event.time_unix_nano - sent.start_time_unix_nano) / 1e6
        if failed and event.name == "exception":
            message = _fill_exception(row, body, attributes) or message
        elif attributes:
            plain = {name: values.plain(value) for name, value in attributes.items()}
            told.append({"name": event.name, "attributes": plain})
    row[_FAILED] = failed
    row[_ERROR_MESSAGE] = f"{message[:MESSAGE_LIMIT]}…" if len(message) > MESSAGE_LIMIT else message
    if told:
        body["events"] = told


def _fill_exception(row: list[Any], body: dict[str, Any], attributes: dict[str, Any]) -> str:
    type_ = attributes.get(semconv.EXCEPTION_TYPE)
    if type_ is not None and not row[_ERROR_TYPE]:
        row[_ERROR_TYPE] = values.read(semconv.EXCEPTION_TYPE, type_, values.text) or ""
    if _STACKTRACE in attributes:
        body[_STACKTRACE] = attributes[_STACKTRACE].string_value
    message = attributes.get(semconv.EXCEPTION_MESSAGE)
    return "" if message is None else message.string_value
