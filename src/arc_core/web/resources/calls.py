"""Finished calls: pages of them, one of them, a trace, and a stream as they arrive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from arc_core.model.feedback import Feedback
from arc_core.storage import MAX_CALLS, CallQuery, Row, cursor
from arc_core.web import shapes
from arc_core.web.endpoint import Ask, Endpoint
from arc_core.web.event_stream import EVENT_STREAM, event, event_stream
from arc_core.web.fields import FLAG, MOMENT, Field, text, whole
from arc_core.web.problems import ProblemError
from arc_core.web.shapes import CALL, CALL_WITH_BODY, Shape

if TYPE_CHECKING:
    from arc_core.web.context import Context

MOST_WATCHERS = 100
HEARTBEAT_S = 15.0
"""So often a stream without calls sends something, to notice that nobody reads it any more."""
PAUSE_S = 0.25
"""Between two parts of a stream: watching must not take the time of collecting."""

CALLS = Shape(
    "Calls",
    "Calls, the newest first, and where the next page begins.",
    {"calls": CALL.out.listed(), "next_cursor": shapes.TEXT.or_null()},
)
TRACE = Shape(
    "Trace",
    "The calls of a trace in the order in which they started.",
    {"calls": CALL_WITH_BODY.out.listed()},
)

_FILTERS = (
    Field("model", text(), "model asked for"),
    Field("service", text(), "name of the application"),
    Field("failed", FLAG, "true: failed calls alone, false: the others"),
    Field("error_code", text(), "the provider's code"),
    Field("signature", text(), "of a failure: calls that failed alike"),
    Field("pattern", text(), "name of a pattern that matched the call"),
    Field("session", text(), "agent run or conversation"),
)
_NEAR = Field("near", MOMENT, "when the call was made, give or take 12 hours: finds it faster")


def _query(ask: Ask, **more: Any) -> CallQuery:
    return CallQuery(**{field.name: ask[field.name] for field in _FILTERS}, **more)


def _list(context: Context, ask: Ask) -> Any:
    query = _query(
        ask, since=ask["since"], until=ask["until"], before=ask["cursor"], limit=ask["limit"]
    )
    rows = context.store.calls(ask.project, query)
    more = cursor(rows[-1]) if len(rows) == query.limit else None
    return CALLS.show({"calls": rows, "next_cursor": more})


def _show(context: Context, ask: Ask) -> Any:
    row = context.store.call(ask.project, ask["span_id"], ask["near"])
    if row is None:
        raise ProblemError(404, f"There is no call with the span id {ask['span_id']}.")
    return CALL_WITH_BODY.show(row)


def _trace(context: Context, ask: Ask) -> Any:
    rows = context.store.trace(ask.project, ask["trace_id"], ask["near"])
    if not rows:
        raise ProblemError(404, f"There is no call of the trace {ask['trace_id']}.")
    return TRACE.show({"calls": rows})


def _stream(context: Context, ask: Ask) -> StreamingResponse:
    if context.live.watchers >= MOST_WATCHERS:
        raise ProblemError(503, f"{MOST_WATCHERS} programs watch already; end one of them.")

    async def events() -> AsyncIterator[str]:
        with context.live.watch(ask.project, _query(ask)) as watcher:
            yield ": connected\n\n"
            while (news := await watcher.take(HEARTBEAT_S)) is not None:
                yield await run_in_threadpool(_events, *news)
                if news[1]:
                    await asyncio.sleep(PAUSE_S)

    return event_stream(events())


def _events(dropped: int, news: list[Row | Feedback]) -> str:
    events = [event("dropped", {"count": dropped})] if dropped else []
    for each in news:
        if isinstance(each, Feedback):
            events.append(event("feedback", shapes.FEEDBACK.show(each)))
        else:
            events.append(event("call", CALL.show(each)))
    return "".join(events) or ": nothing new\n\n"


ENDPOINTS = (
    Endpoint(
        "GET",
        "/api/v1/calls",
        "List calls, the newest first",
        _list,
        CALLS.out.schema,
        query=(
            Field("since", MOMENT, "start times from this on"),
            Field("until", MOMENT, "start times before this"),
            *_FILTERS,
            Field(
                "cursor",
                text(60, "[0-9]{1,16}-[0-9a-f]{1,32}", "next_cursor of the page before"),
                "next_cursor of the page before",
            ),
            Field("limit", whole(1, MAX_CALLS), "how many at most", default=100),
        ),
    ),
    Endpoint(
        "GET",
        "/api/v1/calls/stream",
        "Watch calls as they arrive: server-sent events `call` with a Call, `feedback` with a "
        "Feedback when all calls are watched, and `dropped` with "
        "the count of calls that were left out as this client reads too slowly",
        _stream,
        {"type": "string"},
        query=_FILTERS,
        media_type=EVENT_STREAM,
    ),
    Endpoint(
        "GET",
        "/api/v1/calls/{span_id}",
        "Show a call and what was said",
        _show,
        CALL_WITH_BODY.out.schema,
        place=(Field("span_id", text(16, "[0-9a-f]{16}", "16 hexadecimal digits"), "of the call"),),
        query=(_NEAR,),
        refusals=(404,),
    ),
    Endpoint(
        "GET",
        "/api/v1/traces/{trace_id}",
        "Show the calls of a trace and what was said",
        _trace,
        TRACE.out.schema,
        place=(
            Field("trace_id", text(32, "[0-9a-f]{32}", "32 hexadecimal digits"), "of the trace"),
        ),
        query=(_NEAR,),
        refusals=(404,),
    ),
)
