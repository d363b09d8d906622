"""Steps of patterns inside one transaction: what is read, and what is written together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, func, insert, or_, select, update

from arc_core.registry import tables
from arc_core.registry.edit import Edit
from arc_core.registry.errors import UnknownPatternError
from arc_core.registry.lifecycle import IN_FORCE, PUBLISHED, State, is_published
from arc_core.registry.records import Event, PatternRecord
from arc_protocol.patterns.built_in import BUILT_IN
from arc_protocol.patterns.pattern import content_hash

_pattern, _revision, _event = tables.pattern, tables.revision, tables.event


@dataclass(frozen=True, slots=True)
class Note:
    """Who takes a step, and why."""

    author: str
    reason: str
    evidence: dict[str, Any]


def find(connection: Connection, project: str, name: str) -> PatternRecord:
    """Return a pattern as it stands; raises `UnknownPatternError`."""
    found = next(select_records(connection, project, _pattern.c.name == name), None)
    if found is None and name in BUILT_IN:
        raise UnknownPatternError(
            f'"{name}" is built into Arc Runtime, and project "{project}" has nothing in its '
            f"place; `arc patterns pause {name}` stops it in all Runtimes."
        )
    if found is None:
        names = select(_pattern.c.name).where(_pattern.c.project == project)
        known = [*connection.execute(names).scalars(), *BUILT_IN]
        near = get_close_matches(name, known, n=1)
        raise UnknownPatternError(
            f'Project "{project}" has no pattern "{name}"; '
            + (f'did you mean "{near[0]}"? ' if near else "")
            + "`arc patterns list` shows what it has."
        )
    return found


def select_records(
    connection: Connection, project: str, *conditions: ColumnElement[bool]
) -> Iterator[PatternRecord]:
    """Yield patterns in order of precedence, the last one goes first."""
    current = and_(
        _revision.c.pattern_id == _pattern.c.id, _revision.c.revision == _pattern.c.revision
    )
    query = (
        select(
            _pattern,
            *(_revision.c.document, _revision.c.author, _revision.c.evidence, _revision.c.digest),
        )
        .join(_revision, current)
        .where(_pattern.c.project == project, *conditions)
        .order_by(_pattern.c.id)
    )
    for row in connection.execute(query):
        yield PatternRecord(
            project=row.project,
            name=row.name,
            revision=row.revision,
            document=row.document,
            state=State(row.state),
            author=row.author,
            created_at=row.created_at,
            updated_at=row.updated_at,
            evidence=row.evidence,
            digest=row.digest,
            allocation=row.allocation,
        )


def select_published(connection: Connection, project: str) -> Iterator[PatternRecord]:
    """Yield the patterns that Runtimes get, in order of precedence."""
    everywhere = [state.value for state in PUBLISHED]
    wanted = or_(_pattern.c.state.in_(everywhere), _pattern.c.name.in_([*BUILT_IN]))
    for record in select_records(connection, project, wanted):
        if is_published(record.name, record.state):
            yield record


def events(connection: Connection, project: str, name: str) -> list[Event]:
    """Return every step of a pattern, the first one first."""
    query = (
        select(_event)
        .join(_pattern, _event.c.pattern_id == _pattern.c.id)
        .where(_pattern.c.project == project, _pattern.c.name == name)
        .order_by(_event.c.id)
    )
    return [_read_event(project, name, row) for row in connection.execute(query)]


def last_event(connection: Connection, record: PatternRecord) -> Event:
    """Return the newest step of a pattern."""
    query = (
        select(_event)
        .join(_pattern, _event.c.pattern_id == _pattern.c.id)
        .where(_pattern.c.project == record.project, _pattern.c.name == record.name)
        .order_by(_event.c.id.desc())
        .limit(1)
    )
    return _read_event(record.project, record.name, connection.execute(query).one())


def _read_event(project: str, name: str, row: Row[Any]) -> Event:
    return Event(
        project=project,
        name=name,
        revision=row.revision,
        from_state=None if row.from_state is None else State(row.from_state),
        to_state=State(row.to_state),
        author=row.author,
        reason=row.reason,
        evidence=row.evidence,
        set_version=row.set_version,
        at=row.at,
    )


def newest(connection: Connection) -> int:
    """Return the number of the last step of any pattern; steps are committed in their order."""
    found: int | None = connection.execute(select(func.max(_event.c.id))).scalar()
    return found or 0


def count_moves(connection: Connection, project: str, to: State, origin: State | None) -> int:
    """Return how often patterns of a project have come to a state from `origin`, or any other."""
    before = _event.c.from_state
    came = before != to.value if origin is None else before == origin.value
    query = (
        select(func.count())
        .select_from(_event)
        .join(_pattern, _event.c.pattern_id == _pattern.c.id)
        .where(
            _pattern.c.project == project,
            _event.c.to_state == to.value,
            came,
        )
    )
    found: int = connection.execute(query).scalar_one()
    return found


def earlier_in_force(connection: Connection, record: PatternRecord) -> tuple[int, Any] | None:
    """Return number and document of the revision that was in force before that of a record.

    Where the record's revision brought an older one back, it counts as that older one: who goes
    back twice goes back further, not forth to what was withdrawn.
    """
    here = _by_number(connection, record, record.revision)
    place = here.revision if here.restores is None else here.restores
    latest = select(func.max(_event.c.revision)).where(
        _event.c.pattern_id == here.pattern_id,
        _event.c.revision < place,
        _event.c.to_state.in_([state.value for state in IN_FORCE]),
    )
    number = connection.execute(latest).scalar()
    if number is None:
        return None
    found = _by_number(connection, record, number)
    return (number if found.restores is None else found.restores), found.document


def add_revision(
    edit: Edit,
    name: str,
    document: dict[str, Any],
    state: State,
    note: Note,
    *,
    before: PatternRecord | None,
    restores: int | None = None,
    allocation: dict[str, Any] | None = None,
) -> None:
    """Write a new revision of a pattern, the first one if there is none before, and its event."""
    number = 1 if before is None else before.revision + 1
    key = _place(edit, name, number, state, allocation=allocation, is_new=before is None)
    edit.connection.execute(
        insert(_revision).values(
            pattern_id=key,
            revision=number,
            document=document,
            digest=content_hash(document),
            author=note.author,
            evidence=note.evidence,
            restores=restores,
            created_at=edit.at,
        )
    )
    was_published = before is not None and is_published(name, before.state)
    changes_set = was_published or is_published(name, state)
    _record(edit, key, number, None, state, note, changes_set=changes_set)


def move(
    edit: Edit,
    record: PatternRecord,
    to: State,
    note: Note,
    allocation: dict[str, Any] | None = None,
) -> None:
    """Write a step of a pattern to another state, or another share in the same, and its event."""
    key = _place(edit, record.name, record.revision, to, allocation=allocation)
    changes_set = is_published(record.name, record.state) or is_published(record.name, to)
    _record(edit, key, record.revision, record.state, to, note, changes_set=changes_set)


def _by_number(connection: Connection, record: PatternRecord, number: int) -> Row[Any]:
    return connection.execute(
        select(_revision)
        .join(_pattern, _pattern.c.id == _revision.c.pattern_id)
        .where(
            _pattern.c.project == record.project,
            _pattern.c.name == record.name,
            _revision.c.revision == number,
        )
    ).one()


def _place(
    edit: Edit,
    name: str,
    number: int,
    state: State,
    *,
    allocation: dict[str, Any] | None = None,
    is_new: bool = False,
) -> int:
    """Write where a pattern stands; return its id."""
    values = {
        "revision": number,
        "state": state.value,
        "updated_at": edit.at,
        "allocation": allocation,
    }
    statement = (
        insert(_pattern).values(project=edit.project, name=name, created_at=edit.at, **values)
        if is_new
        else update(_pattern)
        .where(_pattern.c.project == edit.project, _pattern.c.name == name)
        .values(values)
    )
    key: int = edit.connection.execute(statement.returning(_pattern.c.id)).scalar_one()
    return key


def _record(
    edit: Edit,
    key: int,
    number: int,
    origin: State | None,
    to: State,
    note: Note,
    *,
    changes_set: bool,
) -> None:
    edit.connection.execute(
        insert(_event).values(
            pattern_id=key,
            revision=number,
            from_state=None if origin is None else origin.value,
            to_state=to.value,
            author=note.author,
            reason=note.reason,
            evidence=note.evidence,
            set_version=edit.change_set() if changes_set else None,
            at=edit.at,
        )
    )
