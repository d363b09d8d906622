"""A transaction that changes patterns, and the version that it gives to their set."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from arc_core.registry import tables


class Edit:
    """One transaction on the patterns of a project; every other one waits until it ends.

    As they wait, revisions of changes are committed in their order, and who has read up to one
    never misses a smaller one.
    """

    def __init__(self, connection: Connection, project: str, at: datetime) -> None:
        self.connection = connection
        self.project = project
        self.at = at
        registry = select(tables.registry.c.revision).with_for_update()
        self._revision: int = connection.execute(registry).scalar_one()
        mine = select(tables.project.c.set_version).where(tables.project.c.name == project)
        version: int | None = connection.execute(mine).scalar()
        if version is None:
            version = 0
            connection.execute(
                insert(tables.project).values(name=project, set_version=0, created_at=at)
            )
        self._version = version
        self.changed = False
        """Whether other patterns are in force than before."""

    def change_set(self) -> int:
        """Say that other patterns are in force now; return the set's new version.

        All changes of one transaction make one version.
        """
        if self.changed:
            return self._version
        self.changed = True
        self._version += 1
        self._revision += 1
        self.connection.execute(update(tables.registry).values(revision=self._revision))
        self.connection.execute(
            update(tables.project)
            .where(tables.project.c.name == self.project)
            .values(set_version=self._version)
        )
        self.connection.execute(
            insert(tables.change).values(
                revision=self._revision,
                project=self.project,
                set_version=self._version,
                at=self.at,
            )
        )
        return self._version
