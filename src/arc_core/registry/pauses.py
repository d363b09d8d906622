"""Pausing one pattern or all, and going on where each was; inside one transaction."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from arc_core.registry import steps, tables
from arc_core.registry.edit import Edit
from arc_core.registry.errors import IllegalMoveError
from arc_core.registry.lifecycle import PUBLISHED, State, check_move, is_published
from arc_core.registry.records import Event, PatternRecord, Stop
from arc_core.registry.steps import Note
from arc_protocol.patterns.built_in import BUILT_IN

_project = tables.project
_ALLOCATION = "allocation"
_STOP = "stop"
"""Members of the evidence of a pause: the share of the calls that got the fix before it, and when
all patterns were stopped, if it was together with them."""


def pause(edit: Edit, record: PatternRecord, note: Note, *, stop: Stop | None = None) -> None:
    """Pause a pattern, and note what it takes to go on; the step must be legal."""
    evidence = dict(note.evidence)
    if record.allocation is not None:
        evidence[_ALLOCATION] = record.allocation
    steps.move(edit, record, State.PAUSED, replace(note, evidence=_marked(evidence, stop)))


def pause_built_in(
    edit: Edit, name: str, note: Note, *, before: PatternRecord | None, stop: Stop | None = None
) -> None:
    """Stop a pattern that is built into Runtimes, by one of Core's in its place."""
    evidence = _marked({**note.evidence, "built_in": True}, stop)
    marked = replace(note, evidence=evidence)
    steps.add_revision(edit, name, dict(BUILT_IN[name]), State.PAUSED, marked, before=before)


def resume(edit: Edit, record: PatternRecord, note: Note) -> None:
    """Put a pattern where it was before it was paused; one that is not paused, in force."""
    if record.state is not State.PAUSED:
        check_move(record.name, record.state, State.ACTIVE)
        steps.move(edit, record, State.ACTIVE, note)
        return
    last = steps.last_event(edit.connection, record)
    steps.move(edit, record, last.from_state or State.ACTIVE, note, _allocation(last, edit.at))


def stop_all(edit: Edit, note: Note) -> list[str]:
    """Pause all that Runtimes get, and what is built into them; return the names."""
    stop = current(edit) or Stop(edit.at, note.author, note.reason)
    values = {
        "stopped_at": stop.at,
        "stopped_by": stop.author,
        "stop_reason": stop.reason,
    }
    mine = _project.c.name == edit.project
    edit.connection.execute(update(_project).where(mine).values(values))
    known = {each.name: each for each in steps.select_records(edit.connection, edit.project)}
    names = [record.name for record in known.values() if record.state in PUBLISHED]
    for name in names:
        pause(edit, known[name], note, stop=stop)
    for name in BUILT_IN:
        before = known.get(name)
        if before is None or not is_published(name, before.state):
            pause_built_in(edit, name, note, before=before, stop=stop)
            names.append(name)
    return names


def resume_all(edit: Edit, note: Note) -> list[str]:
    """Put all that was paused together where it was; return the names.

    Raises `IllegalMoveError` if nothing is stopped.
    """
    stop = current(edit)
    if stop is None:
        raise IllegalMoveError(
            f'The patterns of project "{edit.project}" are not stopped; '
            "`arc patterns resume NAME` puts a single one in force again."
        )
    mine = _project.c.name == edit.project
    cleared = {"stopped_at": None, "stopped_by": None, "stop_reason": None}
    edit.connection.execute(update(_project).where(mine).values(cleared))
    paused = tables.pattern.c.state == State.PAUSED.value
    names = []
    for record in [*steps.select_records(edit.connection, edit.project, paused)]:
        last = steps.last_event(edit.connection, record)
        if last.evidence.get(_STOP) == stop.at.isoformat():
            resume(edit, record, note)
            names.append(record.name)
    return names


def current(edit: Edit) -> Stop | None:
    """Return the stop that is on."""
    return read(edit.connection, edit.project)


def read(connection: Any, project: str) -> Stop | None:
    """Return the stop that is on in a project."""
    columns = (_project.c.stopped_at, _project.c.stopped_by, _project.c.stop_reason)
    row = connection.execute(select(*columns).where(_project.c.name == project)).first()
    if row is None or row.stopped_at is None:
        return None
    return Stop(row.stopped_at, row.stopped_by or "", row.stop_reason or "")


def _marked(evidence: dict[str, Any], stop: Stop | None) -> dict[str, Any]:
    return evidence if stop is None else {**evidence, _STOP: stop.at.isoformat()}


def _allocation(last: Event, now: datetime) -> dict[str, Any] | None:
    """Return the share of before a pause; what was left of a lease then is left now."""
    kept: dict[str, Any] | None = last.evidence.get(_ALLOCATION)
    if kept is None or "valid_until_ms" not in kept:
        return kept
    paused_ms = (now - last.at).total_seconds() * 1000
    return {**kept, "valid_until_ms": int(kept["valid_until_ms"] + paused_ms)}
