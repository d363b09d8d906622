"""What a pattern would have done to the calls that are recorded."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from starlette.responses import StreamingResponse

from arc_core.learning.replay import Progress, Replay, replaying
from arc_core.storage import StoreError
from arc_core.web import shapes
from arc_core.web.endpoint import Ask, Endpoint
from arc_core.web.event_stream import EVENT_STREAM, event, event_stream
from arc_core.web.fields import OBJECT, Field, text
from arc_core.web.periods import period, period_fields
from arc_core.web.problems import ProblemError
from arc_core.web.shapes import Shape

if TYPE_CHECKING:
    from arc_core.web.context import Context

_PERIOD = timedelta(days=7)

REPLAYED_FAILURE = Shape(
    "ReplayedFailure",
    "What a pattern would have done to calls that failed alike.",
    {
        "signature": shapes.TEXT,
        "error_template": shapes.TEXT,
        "calls": shapes.INTEGER,
        "matched": shapes.INTEGER,
        "changed": shapes.INTEGER,
    },
)
REPLAYED_GROUP = Shape(
    "ReplayedGroup",
    "What a pattern would have done to the calls of one application to one model.",
    {
        "application": shapes.TEXT,
        "model": shapes.TEXT,
        "failing": shapes.INTEGER,
        "changed_failing": shapes.INTEGER,
        "healthy": shapes.INTEGER,
        "changed_healthy": shapes.INTEGER,
    },
)
REPLAYED_CALL = Shape(
    "ReplayedCall",
    "A call before the fix and after it: each change has path (JSON pointer), before and after.",
    {
        "application": shapes.TEXT,
        "model": shapes.TEXT,
        "failed": shapes.FLAG,
        "changes": shapes.OBJECT.listed(),
    },
)
REPLAY = Shape(
    "Replay",
    "What a pattern would have done to recorded calls: to those that failed, and to healthy ones. "
    "still_matching counts calls that it would match again after its own fix. Healthy calls that a "
    "fix had changed are left out.",
    {
        "since": shapes.TIME,
        "until": shapes.TIME,
        "failing": shapes.INTEGER,
        "matched_failing": shapes.INTEGER,
        "changed_failing": shapes.INTEGER,
        "healthy": shapes.INTEGER,
        "matched_healthy": shapes.INTEGER,
        "changed_healthy": shapes.INTEGER,
        "still_matching": shapes.INTEGER,
        "errors": shapes.TEXT.listed(),
        "failures": REPLAYED_FAILURE.out.listed(),
        "groups": REPLAYED_GROUP.out.listed(),
        "examples": REPLAYED_CALL.out.listed(),
    },
)


PROGRESS = Shape(
    "ReplayProgress",
    "How far a replay is: kinds of calls that were tried, of how many.",
    {"done": shapes.INTEGER, "of": shapes.INTEGER},
)


def _replay(context: Context, ask: Ask) -> Any:
    *_, found = _replaying(context, ask)
    return found[1]


def _stream(context: Context, ask: Ask) -> StreamingResponse:
    steps = _replaying(context, ask)
    first = next(steps)  # what cannot be replayed at all is refused with a status

    def events() -> Iterator[str]:
        yield event(*first)
        try:
            for step in steps:
                yield event(*step)
        except StoreError as problem:
            yield event("problem", {"detail": str(problem)})

    return event_stream(events())


def _replaying(context: Context, ask: Ask) -> Iterator[tuple[str, Any]]:
    """Yield events, `progress` and at last `replay`, each with its JSON."""
    if (ask["name"] is None) == (ask["document"] is None):
        raise ProblemError(400, "Give either the name of a pattern or a document.", field="name")
    document = ask["document"]
    if document is None:
        document = context.registry.pattern(ask.project, ask["name"]).document
    since, until = period(context, ask, _PERIOD)
    for found in replaying(context.store, ask.project, document, since, until):
        if isinstance(found, Progress):
            yield "progress", PROGRESS.show(found)
        else:
            yield "replay", _shown(found, since, until)


def _shown(found: Replay, since: datetime, until: datetime) -> Any:
    return REPLAY.show(
        {
            "since": since,
            "until": until,
            "failing": found.failing.failing,
            "matched_failing": found.failing.matched_failing,
            "changed_failing": found.failing.changed_failing,
            "healthy": found.healthy.healthy,
            "matched_healthy": found.healthy.matched_healthy,
            "changed_healthy": found.healthy.changed_healthy,
            "still_matching": found.failing.still_matching + found.healthy.still_matching,
            "errors": list(dict.fromkeys((*found.failing.errors, *found.healthy.errors))),
            "failures": found.failures,
            "groups": found.groups,
            "examples": found.examples,
        }
    )


_QUERY = period_fields("a week")
_BODY = (
    Field("name", text(), "name of a pattern of the registry"),
    Field("document", OBJECT, "a pattern, as docs/patterns.md says"),
)

ENDPOINTS = (
    Endpoint(
        "POST",
        "/api/v1/replay",
        "Say what a pattern would have done to recorded calls; nothing is sent or changed",
        _replay,
        REPLAY.out.schema,
        query=_QUERY,
        body=_BODY,
        refusals=(404, 422),
    ),
    Endpoint(
        "POST",
        "/api/v1/replay/stream",
        "The same as server-sent events: `progress` with a ReplayProgress from time to time, then "
        "`replay` with a Replay, or `problem` with its `detail` when it cannot be finished",
        _stream,
        {"type": "string"},
        query=_QUERY,
        body=_BODY,
        media_type=EVENT_STREAM,
        refusals=(404, 422),
    ),
)
