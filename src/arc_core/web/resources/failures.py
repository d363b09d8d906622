"""Failures, grouped by what went wrong."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from arc_core.detection.failures import Failed, kind_of
from arc_core.registry.lifecycle import State
from arc_core.web import shapes
from arc_core.web.endpoint import Ask, Endpoint
from arc_core.web.fields import Field, text, whole
from arc_core.web.periods import period, period_fields
from arc_core.web.shapes import Out, Shape

if TYPE_CHECKING:
    from arc_core.registry.records import PatternRecord
    from arc_core.storage import Row
    from arc_core.web.context import Context

CURE = Shape(
    "Cure",
    "A pattern that was learned from a failure, on trial, in force or paused.",
    {"name": shapes.TEXT, "state": shapes.VALUE},
)
FAILURE = Shape(
    "Failure",
    "Calls that failed alike: signature is the same for all of them, kind names what failed, "
    "template is what their messages have in common. healed counts those of which the application "
    "got a reply, as they were sent again; calls counts all of the same provider and operation; "
    "api tells those apart that have one operation; "
    "error and message are those of the latest. applications counts by the names in services; "
    "patterns are those that were learned from these calls.",
    {
        "signature": shapes.TEXT,
        "kind": shapes.TEXT,
        "provider": shapes.TEXT,
        "operation": shapes.TEXT,
        "api": shapes.TEXT,
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
        "applications": Out({"type": "object", "additionalProperties": {"type": "integer"}}),
        "template": shapes.TEXT,
        "message": shapes.TEXT,
        "patterns": CURE.out.listed(),
    },
)
FAILURES = Shape(
    "Failures",
    "Groups of failures, the largest first.",
    {"since": shapes.TIME, "until": shapes.TIME, "failures": FAILURE.out.listed()},
)


_ALL = 1000
_MOST_APPLICATIONS = 20
_CARED_FOR = frozenset(
    {
        *(State.CANDIDATE, State.SHADOW, State.RESCUE, State.CANARY),
        *(State.ACTIVE, State.PAUSED, State.DORMANT),
    }
)


def _list(context: Context, ask: Ask) -> Any:
    since, until = period(context, ask, timedelta(days=1))
    chosen = ask["kind"] is not None or ask["signature"] is not None
    groups = context.store.failure_groups(
        *(ask.project, since, until, _ALL if chosen else ask["limit"]),
        model=ask["model"],
        service=ask["service"],
    )
    cures = defaultdict(list)
    for record in context.registry.patterns(ask.project):
        if record.state in _CARED_FOR:
            cures[record.evidence.get("signature")].append(record)
    shown = [_shown(group, cures[group["signature"]]) for group in groups]
    wanted = [
        each
        for each in shown
        if ask["kind"] in (None, each["kind"]) and ask["signature"] in (None, each["signature"])
    ]
    found = wanted[: ask["limit"]]
    return FAILURES.show({"since": since, "until": until, "failures": found})


def _shown(group: Row, cures: list[PatternRecord]) -> Row:
    counts = sorted(group["by_service"].items(), key=lambda each: (-int(each[1]), each[0]))
    return {
        **group,
        "template": group["error_template"],
        "message": group["error_message"],
        "kind": kind_of(Failed.of(group)),
        "applications": {name: int(count) for name, count in counts[:_MOST_APPLICATIONS]},
        "patterns": cures,
    }


ENDPOINTS = (
    Endpoint(
        "GET",
        "/api/v1/failures",
        "List failures, the most frequent first",
        _list,
        FAILURES.out.schema,
        query=(
            *period_fields("a day"),
            Field("model", text(), "calls that asked for this model alone"),
            Field("service", text(), "calls of this application alone"),
            Field("kind", text(), "failures of this kind, such as truncated"),
            Field("signature", text(), "the failure with this signature"),
            Field("limit", whole(1, 1000), "how many at most", default=100),
        ),
    ),
)
