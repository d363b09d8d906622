"""The Runtimes that Core has seen, and what they run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from arc_core.web import shapes
from arc_core.web.endpoint import Ask, Endpoint
from arc_core.web.fields import FLAG, MOMENT, Field
from arc_core.web.paging import PAGE, after, cut
from arc_core.web.shapes import Out, Shape

if TYPE_CHECKING:
    from arc_core.registry.runtimes import RuntimeRecord
    from arc_core.web.context import Context

VERDICT = Shape(
    "Verdict",
    "What became of a pattern in a Runtime.",
    {
        "revision": shapes.INTEGER,
        "digest": shapes.TEXT,
        "state": shapes.TEXT,
        "reason": shapes.TEXT,
    },
)
RUNTIME = Shape(
    "Runtime",
    "A process of an application; set_version is that of the patterns it has, 0 for none. "
    "policy says what "
    "pushed patterns may change there, heals whether failed calls are sent again. verdicts has the "
    "patterns that are not simply in force, by name; dropped counts the spans that it could not "
    "deliver since it began, by reason.",
    {
        "runtime_id": shapes.TEXT,
        "service": shapes.TEXT,
        "host": shapes.TEXT,
        "pid": shapes.INTEGER,
        "runtime_version": shapes.TEXT,
        "python": shapes.TEXT,
        "sdks": shapes.OBJECT,
        "policy": shapes.TEXT,
        "heals": shapes.FLAG,
        "connected": shapes.FLAG,
        "set_version": shapes.INTEGER,
        "set_digest": shapes.TEXT,
        "verdicts": Out(
            {"type": "object", "additionalProperties": VERDICT.out.schema},
            lambda verdicts: {name: VERDICT.show(each) for name, each in verdicts.items()},
        ),
        "dropped": Out({"type": "object", "additionalProperties": {"type": "integer"}}),
        "first_seen": shapes.TIME,
        "last_seen": shapes.TIME,
    },
)
RUNTIMES = Shape(
    "Runtimes",
    "Runtimes by their id, and where the next page begins.",
    {"runtimes": RUNTIME.out.listed(), "next_cursor": shapes.TEXT.or_null()},
)


def _runtime_id(record: RuntimeRecord) -> str:
    return record.runtime_id


def _list(context: Context, ask: Ask) -> Any:
    now = context.now()
    records = context.registry.runtimes(ask.project, since=ask["since"])
    following = after(sorted(records, key=_runtime_id), _runtime_id, ask["cursor"])
    wanted = [each for each in following if ask["connected"] in (None, each.connected_at(now))]
    page, cursor = cut(wanted, _runtime_id, ask["limit"])
    shown = [{**RUNTIME.show(each), "connected": each.connected_at(now)} for each in page]
    return {"runtimes": shown, "next_cursor": cursor}


ENDPOINTS = (
    Endpoint(
        "GET",
        "/api/v1/runtimes",
        "List the Runtimes of the last days, with the patterns they have and refuse",
        _list,
        RUNTIMES.out.schema,
        query=(
            Field("connected", FLAG, "true: connected ones alone, false: the others"),
            Field("since", MOMENT, "those seen since then"),
            *PAGE,
        ),
    ),
)
