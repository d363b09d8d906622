"""The set of patterns that Runtimes get, with version and digest."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import select

from arc_core.registry import steps, tables
from arc_core.registry.access import Access
from arc_core.registry.database import Database
from arc_core.registry.lifecycle import State
from arc_core.registry.records import PatternRecord
from arc_protocol.patterns.allocation import CANARY, RESCUE, SHADOW, Allocation
from arc_protocol.patterns.pattern import content_hash
from arc_protocol.wire import digests

_STAGES = {State.RESCUE: RESCUE, State.CANARY: CANARY}


class PublishedPattern(NamedTuple):
    """A pattern in force, or on trial."""

    name: str
    revision: int
    digest: str
    """SHA-256 of the document's canonical JSON."""
    document: dict[str, Any]
    """With its allocation, if not all calls get the fix. Shared; not to be changed."""


@dataclass(frozen=True, slots=True)
class PublishedSet:
    """All patterns in force or on trial in a project at one moment."""

    epoch: str
    """Random, one per registry; versions of different epochs cannot be compared."""
    version: int
    """Grows by one with each change of what is in force; 0 in a project without any."""
    digest: str
    """As `arc_protocol.wire.digests` makes it of the entries."""
    entries: tuple[PublishedPattern, ...]
    """In order of precedence: later ones go first."""


class PublishedSets:
    """Makes the set of a project once per version; thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._latest: dict[str, PublishedSet] = {}

    def get(self, project: str) -> PublishedSet:
        """Return the set in force now."""
        with self._database.transaction(Access.READ) as connection:
            epoch = connection.execute(select(tables.registry.c.epoch)).scalar_one()
            mine = select(tables.project.c.set_version).where(tables.project.c.name == project)
            version = connection.execute(mine).scalar()
            if version is None:
                return PublishedSet(epoch, 0, digests.of_set(()), ())
            with self._lock:
                known = self._latest.get(project)
            if known is not None and known.version == version:
                return known
            entries = tuple(map(_publish, steps.select_published(connection, project)))
        digest = digests.of_set(entry[:3] for entry in entries)
        made = PublishedSet(epoch, version, digest, entries)
        with self._lock:
            self._latest[project] = made
        return made


def _publish(record: PatternRecord) -> PublishedPattern:
    allocation = record.allocation
    if allocation is None and record.state is not State.ACTIVE:
        # a person's trial: which share of the calls is treated is for the rollout to say
        allocation = Allocation(_STAGES.get(record.state, SHADOW), 0).to_json()
    if allocation is None:
        return PublishedPattern(record.name, record.revision, record.digest, record.document)
    document = {**record.document, "allocation": allocation}
    return PublishedPattern(record.name, record.revision, content_hash(document), document)
