"""Reads feedback: an event of the conventions on a span of its own, below that of the call."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from arc_core.collector import values
from arc_core.collector.events import MESSAGE_LIMIT
from arc_core.collector.names import AT
from arc_core.collector.values import RejectedError
from arc_core.model.columns import LATEST_TIME
from arc_core.model.feedback import Feedback
from arc_protocol import semconv
from arc_protocol.feedback import BAD, EVENT, GOOD, NAME, OUTCOMES, SOURCES

_EVENT = EVENT.encode()
_LOW = 0.5
"""Scores below this are bad, where nobody says it in words."""


def read(row: list[Any], span: Any) -> Feedback | None:
    """Return what a span says of a reply, None if it says nothing; raises `RejectedError`.

    `row` is what is known of the span beside its events, ids and times included.
    """
    for encoded in span.events:
        if _EVENT not in encoded:
            continue
        try:
            event = Span.Event.FromString(encoded)
        except DecodeError:
            raise RejectedError("encoding", "an event is no UTF-8 or no OTLP") from None
        said = {each.key: each.value for each in event.attributes}
        if event.name == EVENT and _text(said, semconv.EVALUATION_NAME) == NAME:
            return _feedback(row, said, event.time_unix_nano // 1000)
    return None


def _feedback(row: list[Any], said: dict[str, AnyValue], given_at: int) -> Feedback:
    response_id = _text(said, semconv.RESPONSE_ID)
    if not response_id:
        raise RejectedError("ids", f"its feedback has no {semconv.RESPONSE_ID}")
    explanation = said.get(semconv.EVALUATION_EXPLANATION, AnyValue()).string_value
    source = _text(said, semconv.ARC_FEEDBACK_SOURCE)
    score = _score(said)
    return Feedback(
        project=row[AT["project"]],
        received_at=row[AT["received_at"]],
        given_at=given_at if 0 < given_at < LATEST_TIME else row[AT["start_time"]],
        trace_id=row[AT["trace_id"]],
        span_id=row[AT["span_id"]],
        call_span_id=row[AT["parent_span_id"]],
        response_id=response_id,
        outcome=_outcome(_text(said, semconv.ARC_FEEDBACK_OUTCOME), score),
        score=score,
        label=_text(said, semconv.EVALUATION_SCORE_LABEL),
        source=source if source in SOURCES else "",
        explanation=explanation[:MESSAGE_LIMIT],
        service=row[AT["service"]],
    )


def _text(said: dict[str, AnyValue], name: str) -> str:
    value = said.get(name)
    return "" if value is None else values.read(name, value, values.text) or ""


def _score(said: dict[str, AnyValue]) -> float | None:
    value = said.get(semconv.EVALUATION_SCORE_VALUE)
    if value is None:
        return None
    found: float | None = values.read(semconv.EVALUATION_SCORE_VALUE, value, values.number)
    return found


def _outcome(said: str, score: float | None) -> str:
    if said in OUTCOMES:
        return said
    if score is None or not 0 <= score <= 1:  # on a scale that nobody has told us of
        return ""
    return BAD if score < _LOW else GOOD
