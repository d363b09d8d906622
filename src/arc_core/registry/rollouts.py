"""How the trials of patterns stand, kept for whoever runs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import and_, insert, select, update

from arc_core.registry import tables
from arc_core.registry.access import Access
from arc_core.registry.database import Database

_pattern, _rollout = tables.pattern, tables.rollout


class Rollouts:
    """One JSON object per revision."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def get(self, project: str, name: str) -> dict[str, Any] | None:
        """Return what is kept of the newest revision."""
        newest = and_(
            _rollout.c.pattern_id == _pattern.c.id, _rollout.c.revision == _pattern.c.revision
        )
        query = (
            select(_rollout.c.progress)
            .join(_pattern, newest)
            .where(_pattern.c.project == project, _pattern.c.name == name)
        )
        with self._database.transaction(Access.READ) as connection:
            found: dict[str, Any] | None = connection.execute(query).scalar()
            return found

    def put(self, project: str, name: str, revision: int, progress: Mapping[str, Any]) -> None:
        """Replace what is kept of a revision; nothing happens without such a pattern."""
        pattern_id = select(_pattern.c.id).where(
            _pattern.c.project == project, _pattern.c.name == name
        )
        values = {"progress": dict(progress), "updated_at": self._clock()}
        with self._database.transaction(Access.WRITE) as connection:
            key = connection.execute(pattern_id).scalar()
            if key is None:
                return
            own = and_(_rollout.c.pattern_id == key, _rollout.c.revision == revision)
            if not connection.execute(update(_rollout).where(own).values(values)).rowcount:
                connection.execute(
                    insert(_rollout).values(pattern_id=key, revision=revision, **values)
                )
