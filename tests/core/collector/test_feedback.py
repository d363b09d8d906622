"""Spans that say how good a reply was."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from arc_core.model.feedback import Feedback
from core.collector.otlp_spans import (
    RECEIVED_AT,
    STARTED_NS,
    attribute,
    foreign_span,
    read,
    request,
    span,
)

SAID = {
    "gen_ai.evaluation.name": "user_feedback",
    "gen_ai.evaluation.score.value": 0.25,
    "gen_ai.evaluation.score.label": "rude",
    "gen_ai.evaluation.explanation": "it swore",
    "gen_ai.response.id": "chatcmpl-1",
    "arc.feedback.source": "builder",
}


def telling(said: dict[str, Any], **fields: Any) -> Span:
    """Return a span with what is said as its event."""
    stated = {"parent_span_id": b"\2" * 8, "name": "user_feedback", **fields}
    event = Span.Event(
        name="gen_ai.evaluation.result",
        time_unix_nano=STARTED_NS + 5_000_000,
        attributes=[attribute(name, value) for name, value in said.items() if value is not None],
    )
    return foreign_span({}, **{"events": [event], **stated})


def feedback(said: dict[str, Any], **fields: Any) -> Feedback:
    reading = read(request(telling(said, **fields)))
    assert (reading.rows, reading.ignored, reading.sentences) == ([], 0, [])
    (found,) = reading.feedback
    return found


def test_every_field_is_read() -> None:
    assert feedback(SAID) == Feedback(
        project="default",
        received_at=RECEIVED_AT,
        given_at=STARTED_NS // 1000 + 5000,
        trace_id="01" * 16,
        span_id="0000000000000001",
        call_span_id="02" * 8,
        response_id="chatcmpl-1",
        outcome="bad",
        score=0.25,
        label="rude",
        source="builder",
        explanation="it swore",
        service="shop",
    )


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        ({"gen_ai.evaluation.score.value": 0.5}, "good"),
        ({"gen_ai.evaluation.score.value": 1}, "good"),
        ({"gen_ai.evaluation.score.value": 0}, "bad"),
        ({"gen_ai.evaluation.score.value": 3.5}, ""),
        ({"gen_ai.evaluation.score.value": None}, ""),
        ({"arc.feedback.outcome": "good"}, "good"),
        ({"arc.feedback.outcome": "bad", "gen_ai.evaluation.score.value": 0.9}, "bad"),
        ({"arc.feedback.outcome": "so so"}, "bad"),
    ],
    ids=str,
)
def test_what_is_not_said_in_words_follows_from_the_score(
    said: dict[str, Any], outcome: str
) -> None:
    assert feedback({**SAID, **said}).outcome == outcome


def test_other_evaluations_and_events_are_ignored() -> None:
    """Scales of others are not known, so that nothing could be made of them."""
    other = telling({**SAID, "gen_ai.evaluation.name": "toxicity"})
    plain = telling({}, events=[Span.Event(name="gen_ai.evaluation.results")])
    reading = read(request(other, plain))
    assert (reading.feedback, reading.rows, reading.ignored) == ([], [], 2)


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (telling({**SAID, "gen_ai.response.id": None}), "its feedback has no gen_ai.response.id"),
        (telling({**SAID, "gen_ai.evaluation.score.value": float("inf")}), "score.value is inf"),
        (telling({**SAID, "gen_ai.evaluation.score.label": "x" * 2000}), "label has 2000"),
        (telling(SAID, span_id=b"\0" * 8), "its span id must be 8 bytes, not all zero"),
    ],
)
def test_what_cannot_be_stored_is_rejected_with_a_sentence(made: Span, sentence: str) -> None:
    """And spoils nothing that comes with it."""
    reading = read(request(span(1), made, telling(SAID, span_id=b"\3" * 8)))
    assert (len(reading.rows), len(reading.feedback), reading.rejected.total()) == (1, 1, 1)
    assert reading.sentences[0].startswith("span 2: ")
    assert sentence in reading.sentences[0]
