"""What is said of replies, also of those whose calls are not known."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from arc_core.storage import MAX_CALLS
from arc_core.web import shapes
from arc_core.web.endpoint import Ask, Endpoint
from arc_core.web.fields import Field, whole
from arc_core.web.periods import period, period_fields
from arc_core.web.shapes import FEEDBACK, Shape

if TYPE_CHECKING:
    from arc_core.web.context import Context

COUNTS = Shape(
    "FeedbackCounts",
    "How much of it there is; unknown is that of whose call nothing is known.",
    dict.fromkeys(("good", "bad", "neither", "unknown"), shapes.INTEGER),
)
ALL = Shape(
    "AllFeedback",
    "Feedback, the newest first. call_span_id is empty while its call is not known.",
    {
        "since": shapes.TIME,
        "until": shapes.TIME,
        "counts": COUNTS.out,
        "feedback": FEEDBACK.out.listed(),
    },
)


def _list(context: Context, ask: Ask) -> Any:
    since, until = period(context, ask, timedelta(days=1))
    return ALL.show(
        {
            "since": since,
            "until": until,
            "counts": context.store.feedback_counts(ask.project, since, until),
            "feedback": context.store.feedback(ask.project, since, until, ask["limit"]),
        }
    )


ENDPOINTS = (
    Endpoint(
        "GET",
        "/api/v1/feedback",
        "List what is said of replies, the newest first",
        _list,
        ALL.out.schema,
        query=(
            *period_fields("a day"),
            Field("limit", whole(1, MAX_CALLS), "how many at most", default=100),
        ),
    ),
)
