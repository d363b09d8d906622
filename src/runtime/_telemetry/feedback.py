"""Makes spans of feedback, in the traces of the calls that it is about."""

from __future__ import annotations

import os
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Dict, Optional, Tuple

from arc_protocol import semconv
from arc_protocol.feedback import BAD, EVENT, GOOD, NAME
from runtime._feedback import Feedback
from runtime._telemetry import content
from runtime._telemetry.spans import add_attributes

if TYPE_CHECKING:
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

_REPLIES = 4096
_EXPLANATION_LIMIT = 4096
_SCORES = {GOOD: 1.0, BAD: 0.0}


class Judgements:
    """Knows the spans of the latest replies, so that feedback about them becomes their child."""

    def __init__(self) -> None:
        self._spans: OrderedDict[str, Tuple[bytes, bytes]] = OrderedDict()

    def remember(self, response_id: Optional[str], span: Span) -> None:
        """Note which span tells of a reply."""
        if not response_id:
            return
        self._spans[response_id] = (span.trace_id, span.span_id)
        self._spans.move_to_end(response_id)
        if len(self._spans) > _REPLIES:
            self._spans.popitem(last=False)

    def encode(self, feedback: Feedback, *, capture_content: bool) -> Span:
        """Return a span with the event that the conventions have for evaluations."""
        from opentelemetry.proto.trace.v1.trace_pb2 import Span

        # of another process, or of long ago: the id of the reply says which one is meant
        trace_id, parent = self._spans.get(feedback.response_id, (os.urandom(16), b""))
        span = Span(
            trace_id=trace_id,
            span_id=os.urandom(8),
            parent_span_id=parent,
            name=NAME,
            kind=Span.SPAN_KIND_INTERNAL,
            start_time_unix_nano=feedback.given_ns,
            end_time_unix_nano=feedback.given_ns,
        )
        event = span.events.add(time_unix_nano=feedback.given_ns, name=EVENT)
        add_attributes(event.attributes, _attributes(feedback, capture_content=capture_content))
        return span


def _attributes(feedback: Feedback, *, capture_content: bool) -> Dict[str, Any]:
    score = feedback.score
    if score is None and feedback.outcome is not None:
        score = _SCORES[feedback.outcome]
    stated = {
        semconv.EVALUATION_NAME: NAME,
        semconv.EVALUATION_SCORE_VALUE: score,
        semconv.EVALUATION_SCORE_LABEL: feedback.label,
        semconv.RESPONSE_ID: feedback.response_id,
        semconv.ARC_FEEDBACK_OUTCOME: feedback.outcome,
        semconv.ARC_FEEDBACK_SOURCE: feedback.source,
    }
    if capture_content and feedback.explanation is not None:
        stated[semconv.EVALUATION_EXPLANATION] = content.shortened(
            feedback.explanation, _EXPLANATION_LIMIT
        )
    return {
        name: content.clean(value) if isinstance(value, str) else value
        for name, value in stated.items()
        if value is not None
    }
