"""The patterns of a project: add, move through their life, go back, list."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import select

from arc_core.registry import inputs, pauses, steps, tables
from arc_core.registry.access import Access
from arc_core.registry.database import Database
from arc_core.registry.edit import Edit
from arc_core.registry.errors import IllegalMoveError, RegistryError
from arc_core.registry.lifecycle import State, check_entry, check_move
from arc_core.registry.records import Event, PatternRecord, Stop
from arc_core.registry.steps import Note
from arc_protocol.errors import PatternError
from arc_protocol.patterns import Origin, Pattern
from arc_protocol.patterns.allocation import Allocation
from arc_protocol.patterns.built_in import BUILT_IN
from arc_protocol.patterns.pattern import content_hash


class Patterns:
    """Every change is one transaction; `committed` is called after each."""

    def __init__(
        self, database: Database, clock: Callable[[], datetime], committed: Callable[[], None]
    ) -> None:
        self._database = database
        self._clock = clock
        self._committed = committed
        self._lock = threading.Lock()
        self._read: dict[str, tuple[int, tuple[PatternRecord, ...]]] = {}
        """By project what `select` last read, and after which step of any pattern."""

    def add(
        self,
        project: str,
        document: Mapping[str, Any],
        *,
        author: str,
        state: State,
        reason: str,
        evidence: Mapping[str, Any] | None,
    ) -> PatternRecord:
        """Add a pattern, or a new revision of the one of that name."""
        parsed = _parsed(document)
        note = _note(author, reason, evidence)
        name = parsed["name"]
        with self._edit(project) as edit:
            named = tables.pattern.c.name == name
            before = next(steps.select_records(edit.connection, project, named), None)
            _put(edit, parsed, state, note, before)
            return steps.find(edit.connection, project, name)

    def add_all(
        self, project: str, documents: Iterable[Mapping[str, Any]], *, author: str
    ) -> list[PatternRecord]:
        """Add patterns that shall be in force, all or none."""
        parsed: dict[str, dict[str, Any]] = {}
        for number, document in enumerate(documents, 1):
            try:
                one = _parsed(document)
            except PatternError as problem:
                raise PatternError(f"Pattern {number} is refused: {problem}") from problem
            if one["name"] in parsed:
                raise RegistryError(
                    f'Pattern {number} is called "{one["name"]}" like one before it; '
                    "names are unique in a project: rename one of them."
                )
            parsed[one["name"]] = one
        note = _note(author, "imported", None)
        with self._edit(project) as edit:
            # all are read at once: thousands are to be in before other writers give up
            before = {each.name: each for each in steps.select_records(edit.connection, project)}
            for name, one in parsed.items():
                _put(edit, one, State.ACTIVE, note, before.get(name))
            after = {each.name: each for each in steps.select_records(edit.connection, project)}
            return [after[name] for name in parsed]

    def move(
        self,
        project: str,
        name: str,
        to: State,
        *,
        author: str,
        reason: str,
        evidence: Mapping[str, Any] | None,
        allocation: Allocation | None,
        seen: PatternRecord | None,
    ) -> PatternRecord:
        """Take a pattern to another state, or to another share in the same."""
        note = _note(author, reason, evidence)
        share = None if allocation is None else allocation.to_json()
        with self._edit(project) as edit:
            if to is State.PAUSED and _only_built_in(edit, name):
                pauses.pause_built_in(edit, name, note, before=None)
                return steps.find(edit.connection, project, name)
            before = (
                steps.find(edit.connection, project, name) if seen is None else _unmoved(edit, seen)
            )
            if to is not before.state or allocation is None:
                check_move(name, before.state, to)
            if to is State.PAUSED:
                pauses.pause(edit, before, note)
            else:
                steps.move(edit, before, to, note, share)
            return steps.find(edit.connection, project, name)

    def resume(self, project: str, name: str, *, author: str, reason: str) -> PatternRecord:
        """Put a pattern where it was before it was paused; one that is not paused, in force."""
        note = _note(author, reason, None)
        with self._edit(project) as edit:
            pauses.resume(edit, steps.find(edit.connection, project, name), note)
            return steps.find(edit.connection, project, name)

    def stop(self, project: str, *, author: str, reason: str) -> list[PatternRecord]:
        """Pause all patterns of a project, with those that are built into Runtimes."""
        note = _note(author, reason, None)
        with self._edit(project) as edit:
            return _named(edit, pauses.stop_all(edit, note))

    def end_stop(self, project: str, *, author: str, reason: str) -> list[PatternRecord]:
        """Put all that was paused together where it was."""
        note = _note(author, reason, None)
        with self._edit(project) as edit:
            return _named(edit, pauses.resume_all(edit, note))

    def current_stop(self, project: str) -> Stop | None:
        """Return the stop that is on in a project."""
        with self._database.transaction(Access.READ) as connection:
            return pauses.read(connection, project)

    def revise(
        self,
        seen: PatternRecord,
        document: Mapping[str, Any],
        *,
        reason: str,
        evidence: Mapping[str, Any],
    ) -> PatternRecord:
        """Write another content for a pattern, which stays in its state and with its share."""
        parsed, note = _parsed(document), _note(seen.author, reason, evidence)
        with self._edit(seen.project) as edit:
            before = _unmoved(edit, seen)
            steps.add_revision(
                *(edit, seen.name, parsed, seen.state, note),
                before=before,
                allocation=before.allocation,
            )
            return steps.find(edit.connection, seen.project, seen.name)

    def roll_back(self, project: str, name: str, *, author: str, reason: str) -> PatternRecord:
        """Withdraw the newest revision; the one in force before it begins anew as the newest."""
        note = _note(author, reason, None)
        with self._edit(project) as edit:
            before = steps.find(edit.connection, project, name)
            if before.state is not State.ROLLED_BACK:
                check_move(name, before.state, State.ROLLED_BACK)
            earlier = steps.earlier_in_force(edit.connection, before)
            if earlier is None:
                raise IllegalMoveError(
                    f'Pattern "{name}" has no revision that was in force before revision '
                    f"{before.revision}; pause or retire it instead."
                )
            if before.state is not State.ROLLED_BACK:
                steps.move(edit, before, State.ROLLED_BACK, note)
            number, document = earlier
            steps.add_revision(
                edit, name, document, State.ACTIVE, note, before=before, restores=number
            )
            return steps.find(edit.connection, project, name)

    def get(self, project: str, name: str) -> PatternRecord:
        """Return a pattern as it stands."""
        with self._database.transaction(Access.READ) as connection:
            return steps.find(connection, project, name)

    def select(self, project: str, state: State | None) -> list[PatternRecord]:
        """Return the patterns of a project, those of one state if it is given."""
        with self._database.transaction(Access.READ) as connection:
            # before the patterns: what is read may only be newer
            step = steps.newest(connection)
            with self._lock:
                kept = self._read.get(project)
            if kept is None or kept[0] != step:
                kept = step, tuple(steps.select_records(connection, project))
                with self._lock:
                    self._read[project] = kept
        return [each for each in kept[1] if state is None or each.state is state]

    def count_moves(self, project: str, to: State, origin: State | None) -> int:
        """Return how often patterns have come to a state from `origin`, or any other."""
        with self._database.transaction(Access.READ) as connection:
            return steps.count_moves(connection, project, to, origin)

    def projects(self) -> list[str]:
        """Return the names of all projects, in order."""
        query = select(tables.project.c.name).order_by(tables.project.c.name)
        with self._database.transaction(Access.READ) as connection:
            return [*connection.execute(query).scalars()]

    def history(self, project: str, name: str) -> list[Event]:
        """Return every step of a pattern."""
        with self._database.transaction(Access.READ) as connection:
            steps.find(connection, project, name)
            return steps.events(connection, project, name)

    @contextmanager
    def _edit(self, project: str) -> Iterator[Edit]:
        inputs.project_name(project)
        with self._database.transaction(Access.WRITE) as connection:
            edit = Edit(connection, project, self._clock())
            yield edit
            if edit.changed:
                self._database.announce(connection)
        if edit.changed:
            self._committed()


def _only_built_in(edit: Edit, name: str) -> bool:
    """Tell whether Runtimes have a pattern of that name, and Core none in its place."""
    named = tables.pattern.c.name == name
    mine = steps.select_records(edit.connection, edit.project, named)
    return name in BUILT_IN and next(mine, None) is None


def _named(edit: Edit, names: Iterable[str]) -> list[PatternRecord]:
    known = {each.name: each for each in steps.select_records(edit.connection, edit.project)}
    return [known[name] for name in names]


def _parsed(document: Mapping[str, Any]) -> dict[str, Any]:
    parsed = Pattern.parse(document, origin=Origin.PUSHED).to_json()
    if "allocation" in parsed:
        raise PatternError("The pattern has an allocation; its share of the calls is Core's own.")
    inputs.name(parsed["name"], "The pattern's name")
    return parsed


def _unmoved(edit: Edit, seen: PatternRecord) -> PatternRecord:
    """Return a pattern whose trial goes on and that nobody has moved since it was seen.

    Raises `IllegalMoveError` otherwise.
    """
    if pauses.current(edit) is not None:
        raise IllegalMoveError(
            f'The patterns of project "{seen.project}" are stopped, so no trial goes on; '
            "`arc patterns resume --all` ends that."
        )
    now = steps.find(edit.connection, seen.project, seen.name)
    shown = ("revision", "state", "allocation")
    if any(getattr(now, each) != getattr(seen, each) for each in shown):
        raise IllegalMoveError(
            f'Pattern "{now.name}" has become {now.state.value}, revision {now.revision}, in the '
            "meantime; look at it again."
        )
    return now


def _note(author: str, reason: str, evidence: Mapping[str, Any] | None) -> Note:
    return Note(
        author=inputs.name(author, "The author"),
        reason=inputs.reason(reason),
        evidence=inputs.evidence(evidence),
    )


def _put(
    edit: Edit,
    document: dict[str, Any],
    state: State,
    note: Note,
    before: PatternRecord | None,
) -> None:
    if before is not None and before.digest == content_hash(document):
        return
    name = document["name"]
    check_entry(name, None if before is None else before.state, state)
    steps.add_revision(edit, name, document, state, note, before=before)
