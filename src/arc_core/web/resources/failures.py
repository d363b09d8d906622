"""Failures, grouped by what went wrong."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from arc_core.detection.failures import Failed, kind_of
from arc_core.web import shapes
from arc_core.web.endpoint import Ask, Endpoint
from arc_core.web.fields import Field, whole
from arc_core.web.periods import period, period_fields
from arc_core.web.shapes import Shape

if TYPE_CHECKING:
    from arc_core.storage import Row
    from arc_core.web.context import Context

FAILURE = Shape(
    "Failure",
    "Calls that failed alike: signature is the same for all of them, kind names what failed, "
    "template is what their messages have in common. healed counts those of which the application "
    "got a reply, as they were sent again; calls counts all of the same provider and operation; "
    "error and message are those of the latest.",
    {
        "signature": shapes.TEXT,
        "kind": shapes.TEXT,
        "provider": shapes.TEXT,
        "operation": shapes.TEXT,
        "status_code": shapes.INTEGER.or_null(),
        "error_code": shapes.TEXT,
        "error_param": shapes.TEXT,
        "error_type": shapes.TEXT,
        "count": shapes.INTEGER,
        "healed": shapes.INTEGER,
        "calls": shapes.INTEGER,
        "rate": shapes.NUMBER,
        "first_seen": shapes.STORED_TIME,
        "last_seen": shapes.STORED_TIME,
        "models": shapes.TEXT.listed(),
        "services": shapes.TEXT.listed(),
        "template": shapes.TEXT,
        "message": shapes.TEXT,
    },
)
FAILURES = Shape(
    "Failures",
    "Groups of failures, the largest first.",
    {"since": shapes.TIME, "until": shapes.TIME, "failures": FAILURE.out.listed()},
)


def _list(context: Context, ask: Ask) -> Any:
    since, until = period(context, ask, timedelta(days=1))
    groups = context.store.failure_groups(ask.project, since, until, ask["limit"])
    return FAILURES.show({"since": since, "until": until, "failures": [*map(_shown, groups)]})


def _shown(group: Row) -> Row:
    named = {"template": group["error_template"], "message": group["error_message"]}
    return {**group, **named, "kind": kind_of(Failed.of(group))}


ENDPOINTS = (
    Endpoint(
        "GET",
        "/api/v1/failures",
        "List failures, the most frequent first",
        _list,
        FAILURES.out.schema,
        query=(
            *period_fields("a day"),
            Field("limit", whole(1, 1000), "how many at most", default=100),
        ),
    ),
)
