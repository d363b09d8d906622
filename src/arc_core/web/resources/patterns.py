"""Patterns: list, show, add, move through their life, roll back, import and export."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from arc_core.registry.lifecycle import State
from arc_core.rollout.approval import approve, proposal
from arc_core.web import shapes
from arc_core.web.endpoint import Ask, Endpoint
from arc_core.web.fields import OBJECT, OBJECTS, Field, choice, text
from arc_core.web.paging import PAGE, after, cut
from arc_core.web.problems import ProblemError
from arc_core.web.shapes import Shape

if TYPE_CHECKING:
    from arc_core.registry.records import PatternRecord
    from arc_core.web.context import Context

PATTERN = Shape(
    "Pattern",
    "A pattern as it stands; allocation is the share of the calls that gets the fix, null for all.",
    {
        "project": shapes.TEXT,
        "name": shapes.TEXT,
        "revision": shapes.INTEGER,
        "state": shapes.VALUE,
        "author": shapes.TEXT,
        "created_at": shapes.TIME,
        "updated_at": shapes.TIME,
        "digest": shapes.TEXT,
        "allocation": shapes.OBJECT.or_null(),
        "evidence": shapes.OBJECT,
        "document": shapes.OBJECT,
    },
)
EVENT = Shape(
    "Event",
    "One step in the life of a pattern; set_version is null where nothing changed for Runtimes.",
    {
        "at": shapes.TIME,
        "revision": shapes.INTEGER,
        "from_state": shapes.VALUE.or_null(),
        "to_state": shapes.VALUE,
        "author": shapes.TEXT,
        "reason": shapes.TEXT,
        "evidence": shapes.OBJECT,
        "set_version": shapes.INTEGER.or_null(),
    },
)
PATTERN_WITH_HISTORY = Shape(
    "PatternWithHistory",
    "A pattern and every step in its life, the first one first; proposed is the step that waits "
    "for approval, null if none does.",
    {
        **PATTERN.members,
        "proposed": shapes.OBJECT.or_null(),
        "history": EVENT.out.listed(),
    },
)
PATTERNS = Shape(
    "Patterns",
    "Patterns in order of precedence, the last one goes first; with where the next page begins.",
    {"patterns": PATTERN.out.listed(), "next_cursor": shapes.TEXT.or_null()},
)
DOCUMENTS = Shape(
    "Documents",
    "The patterns in force, as they are imported.",
    {"documents": shapes.OBJECT.listed()},
)

_NAME = Field("name", text(), "name of the pattern", required=True)
_REASON = Field("reason", text(10_000), "why, for those who read the history", default="")


def _name(record: PatternRecord) -> str:
    return record.name


def _check_names(*documents: dict[str, Any]) -> None:
    """Raise `ProblemError` for a name that no address could show."""
    if any(document.get("name") == "export" for document in documents):
        raise ProblemError(
            422, 'The name "export" is used by the interface itself; choose another.', field="name"
        )


def _list(context: Context, ask: Ask) -> Any:
    following = after(context.registry.patterns(ask.project), _name, ask["cursor"])
    wanted = [each for each in following if ask["state"] in (None, each.state)]
    page, cursor = cut(wanted, _name, ask["limit"])
    return PATTERNS.show({"patterns": page, "next_cursor": cursor})


def _add(context: Context, ask: Ask) -> Any:
    _check_names(ask["document"])
    added = context.registry.add_pattern(
        ask.project,
        ask["document"],
        author=ask.author,
        state=ask["state"],
        reason=ask["reason"],
        evidence=ask["evidence"],
    )
    return PATTERN.show(added)


def _show(context: Context, ask: Ask) -> Any:
    record = context.registry.pattern(ask.project, ask["name"])
    history = context.registry.history(ask.project, ask["name"])
    step = proposal(context.registry, record)
    proposed = None if step is None else step.to_json()
    return {
        **PATTERN.show(record),
        "proposed": proposed,
        "history": [EVENT.show(event) for event in history],
    }


def _move(context: Context, ask: Ask) -> Any:
    moved = context.registry.transition(
        ask.project, ask["name"], ask["to"], author=ask.author, reason=ask["reason"]
    )
    return PATTERN.show(moved)


def _resume(context: Context, ask: Ask) -> Any:
    resumed = context.registry.resume(
        ask.project, ask["name"], author=ask.author, reason=ask["reason"]
    )
    return PATTERN.show(resumed)


def _pause_all(context: Context, ask: Ask) -> Any:
    paused = context.registry.stop(ask.project, author=ask.author, reason=ask["reason"])
    return PATTERNS.show({"patterns": paused, "next_cursor": None})


def _resume_all(context: Context, ask: Ask) -> Any:
    resumed = context.registry.end_stop(ask.project, author=ask.author, reason=ask["reason"])
    return PATTERNS.show({"patterns": resumed, "next_cursor": None})


def _approve(context: Context, ask: Ask) -> Any:
    approved = approve(
        *(context.registry, ask.project, ask["name"]),
        author=ask.author,
        reason=ask["reason"],
        settings=context.rollout,
    )
    return PATTERN.show(approved)


def _roll_back(context: Context, ask: Ask) -> Any:
    restored = context.registry.roll_back(
        ask.project, ask["name"], author=ask.author, reason=ask["reason"]
    )
    return PATTERN.show(restored)


def _export(context: Context, ask: Ask) -> Any:
    return {"documents": context.registry.export_patterns(ask.project)}


def _import(context: Context, ask: Ask) -> Any:
    _check_names(*ask["documents"])
    added = context.registry.import_patterns(ask.project, ask["documents"], author=ask.author)
    return PATTERNS.show({"patterns": added, "next_cursor": None})


ENDPOINTS = (
    Endpoint(
        "GET",
        "/api/v1/patterns",
        "List patterns, in order of precedence: the last one goes first",
        _list,
        PATTERNS.out.schema,
        query=(Field("state", choice(State), "only patterns in this state"), *PAGE),
    ),
    Endpoint(
        "POST",
        "/api/v1/patterns",
        "Add a pattern, or a new revision of the one of that name",
        _add,
        PATTERN.out.schema,
        body=(
            Field("document", OBJECT, "the pattern, as docs/patterns.md says", required=True),
            Field("state", choice(State), "candidate, shadow or active", default=State.ACTIVE),
            _REASON,
            Field("evidence", OBJECT, "what speaks for it"),
        ),
        refusals=(409, 422),
    ),
    Endpoint(
        "GET",
        "/api/v1/patterns/export",
        "Export the patterns in force",
        _export,
        DOCUMENTS.out.schema,
    ),
    Endpoint(
        "POST",
        "/api/v1/patterns/import",
        "Add patterns that shall be in force, all or none",
        _import,
        PATTERNS.out.schema,
        body=(Field("documents", OBJECTS, "patterns, those that go first at the end", None, True),),
        refusals=(409, 422),
    ),
    Endpoint(
        "POST",
        "/api/v1/patterns/pause",
        "Stop all patterns at once, those built into Runtimes and those on trial included; nothing "
        "is learned until they are resumed",
        _pause_all,
        PATTERNS.out.schema,
        body=(_REASON,),
    ),
    Endpoint(
        "POST",
        "/api/v1/patterns/resume",
        "Put the patterns that were stopped together where each was, at once",
        _resume_all,
        PATTERNS.out.schema,
        body=(_REASON,),
        refusals=(409,),
    ),
    Endpoint(
        "GET",
        "/api/v1/patterns/{name}",
        "Show a pattern and its history",
        _show,
        PATTERN_WITH_HISTORY.out.schema,
        place=(_NAME,),
        refusals=(404,),
    ),
    Endpoint(
        "POST",
        "/api/v1/patterns/{name}/state",
        "Take a pattern to another state",
        _move,
        PATTERN.out.schema,
        place=(_NAME,),
        body=(Field("to", choice(State), "the state to take", required=True), _REASON),
        refusals=(404, 409, 422),
    ),
    Endpoint(
        "POST",
        "/api/v1/patterns/{name}/resume",
        "Put a paused pattern into the state that it was paused in; any other one in force",
        _resume,
        PATTERN.out.schema,
        place=(_NAME,),
        body=(_REASON,),
        refusals=(404, 409, 422),
    ),
    Endpoint(
        "POST",
        "/api/v1/patterns/{name}/approve",
        "Let a pattern take the step that its trial proposes, where a person has to approve it",
        _approve,
        PATTERN.out.schema,
        place=(_NAME,),
        body=(_REASON,),
        refusals=(404, 409, 422),
    ),
    Endpoint(
        "POST",
        "/api/v1/patterns/{name}/rollback",
        "Put what was in force before the newest revision in force again",
        _roll_back,
        PATTERN.out.schema,
        place=(_NAME,),
        body=(_REASON,),
        refusals=(404, 409, 422),
    ),
)
