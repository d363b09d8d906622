"""Turns OTLP spans into call records; each span on its own, so that a bad one spoils no other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import orjson
from google.protobuf.message import DecodeError

from arc_core.collector import envelope, events, failures, feedback, foreign, heals
from arc_core.collector.attributes import (
    BODY,
    COLUMN,
    OLD,
    REMEMBERED,
    Surroundings,
    decode,
    surroundings,
)
from arc_core.collector.names import AT
from arc_core.collector.values import RejectedError
from arc_core.model.columns import LATEST_TIME
from arc_core.model.feedback import Feedback

SPAN_LIMIT = 4 * 1024 * 1024
"""Bytes of one encoded span."""

_SENTENCES = 3
_LATEST_NS = LATEST_TIME * 1000
_NO_TRACE, _NO_SPAN = bytes(16), bytes(8)

_PROJECT, _RECEIVED_AT = AT["project"], AT["received_at"]
_START_TIME, _DURATION_MS = AT["start_time"], AT["duration_ms"]
_TRACE_ID, _SPAN_ID, _PARENT_ID = AT["trace_id"], AT["span_id"], AT["parent_span_id"]
_OPERATION, _MODEL, _ERROR_TYPE = AT["operation"], AT["request_model"], AT["error_type"]
_HEAL_OUTCOME = AT["heal_outcome"]
_ATTRIBUTES, _BODY = AT["attributes"], AT["body"]


class Reading:
    """What was found in one request; `project` and `received_at` (microseconds) go to all rows."""

    def __init__(self, project: str, received_at: int) -> None:
        self.ignored = 0
        """Spans that are no LLM calls."""
        self.rejected: Counter[str] = Counter()
        """Spans that cannot be stored, by reason."""
        self.sentences: list[str] = []
        """What is wrong with the first of them."""
        self.rows: list[list[Any]] = []
        """The calls that were found, in the order of `COLUMNS`."""
        self.feedback: list[Feedback] = []
        """What was found to be said of replies."""
        self._base = foreign.UNKNOWN.copy()
        self._base[_PROJECT] = project
        self._base[_RECEIVED_AT] = received_at

    def reject(self, problem: RejectedError) -> None:
        """Count a span that cannot be stored."""
        self.rejected[problem.reason] += 1
        if len(self.sentences) < _SENTENCES:
            position = self.ignored + self.rejected.total()
            position += len(self.rows) + len(self.feedback)
            self.sentences.append(f"span {position}: {problem}")

    def decoded(self, spans: Iterable[bytes]) -> Iterator[Any]:
        """Give each encoded span as an `envelope.Span`, except those that cannot be stored."""
        for encoded in spans:
            if len(encoded) > SPAN_LIMIT:
                length = f"it has {len(encoded)} bytes, at most {SPAN_LIMIT} are taken"
                self.reject(RejectedError("size", length))
                continue
            try:
                span = envelope.Span.FromString(encoded)
            except DecodeError:
                self.reject(RejectedError("encoding", "it is no OTLP"))
                continue
            yield span

    def add(self, resource: bytes, scope: bytes, spans: Iterable[Any]) -> None:
        """Take `envelope.Span`s with the encoded resource and scope that they belong to."""
        try:
            around = surroundings(resource, scope)
        except RejectedError as problem:
            for _ in spans:
                self.reject(problem)
            return
        base = self._base.copy()
        for at, value in around.columns:
            base[at] = value
        for span in spans:
            try:
                found = _read(span, base.copy(), around)
            except RejectedError as problem:
                self.reject(problem)
                continue
            if found is None:
                self.ignored += 1
            elif isinstance(found, Feedback):
                self.feedback.append(found)
            else:
                self.rows.append(found)


def _read(span: Any, row: list[Any], around: Surroundings) -> list[Any] | Feedback | None:
    """Complete and return the record of a call; feedback, or None, for a span that is no call."""
    try:
        title = span.name.decode()
    except UnicodeDecodeError:
        raise RejectedError("encoding", "its name is no UTF-8") from None
    body: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    older: dict[str, Any] = {}
    remembered = REMEMBERED.get
    for each in span.attributes:
        where, at, value = remembered(each) or decode(each)
        if where == COLUMN:
            row[at] = value
        elif where == BODY:
            body[at] = value
        elif where == OLD:
            older[at] = value
        else:
            rest[at] = value
    if older or not row[_OPERATION]:
        foreign.fill(row, older, rest)
    if not foreign.is_call(row, rest):
        if not span.events:
            return None
        _identify(row, span)
        return feedback.read(row, span)
    _identify(row, span)
    if span.status or span.events or row[_ERROR_TYPE]:
        events.fill(row, body, span)
    if row[_HEAL_OUTCOME]:
        heals.fill(row, rest)
    failures.fill(row, body, rest)
    if title != f"{row[_OPERATION]} {row[_MODEL]}":
        rest["span.name"] = title
    row[_ATTRIBUTES] = _attributes(rest, around)
    if body:
        row[_BODY] = orjson.dumps(body).decode()
    return row


def _identify(row: list[Any], span: Any) -> None:
    """Fill in ids and times."""
    trace_id, span_id, parent_id = span.trace_id, span.span_id, span.parent_span_id
    if len(trace_id) != 16 or trace_id == _NO_TRACE:
        raise RejectedError("ids", f"its trace id must be 16 bytes, not {_shown(trace_id)}")
    if len(span_id) != 8 or span_id == _NO_SPAN:
        raise RejectedError("ids", f"its span id must be 8 bytes, not {_shown(span_id)}")
    if parent_id and len(parent_id) != 8:
        raise RejectedError("ids", f"its parent's id must be 8 bytes, not {_shown(parent_id)}")
    start_ns, end_ns = span.start_time_unix_nano, span.end_time_unix_nano
    if not 0 < start_ns < _LATEST_NS:
        raise RejectedError("times", f"it starts {start_ns} ns after 1970, not before 2105")
    if not start_ns <= end_ns < _LATEST_NS:
        raise RejectedError("times", f"it starts {start_ns} ns after 1970, but ends at {end_ns}")
    row[_TRACE_ID] = trace_id.hex()
    row[_SPAN_ID] = span_id.hex()
    if parent_id != _NO_SPAN:
        row[_PARENT_ID] = parent_id.hex()
    row[_START_TIME] = start_ns // 1000
    row[_DURATION_MS] = (end_ns - start_ns) / 1e6


def _shown(id_: bytes) -> str:
    return "all zero" if id_ and not any(id_) else str(len(id_))


def _attributes(rest: dict[str, Any], around: Surroundings) -> str:
    """Return one JSON object; the span's own attributes go before those of its resource."""
    if not rest:
        return around.json
    if not around.others.keys().isdisjoint(rest):
        return orjson.dumps({**around.others, **rest}).decode()
    separator = "," if around.others else ""
    return f"{orjson.dumps(rest).decode()[:-1]}{separator}{around.json[1:]}"
