"""Copies a whole registry into an empty one, as when SQLite has been outgrown."""

from __future__ import annotations

from sqlalchemy import Connection, delete, func, insert, select, text

from arc_core.registry import tables
from arc_core.registry.access import Access
from arc_core.registry.columns import Id
from arc_core.registry.database import Database
from arc_core.registry.errors import RegistryError

_ROWS = 500


def copy(source_url: str, target_url: str) -> dict[str, int]:
    """Copy everything in one transaction; return the rows by table, which were counted there.

    Runtimes see the set that they have, with its epoch and version. Raises `RegistryError`, with
    nothing copied, when the target is not empty.
    """
    source = Database(source_url)
    try:
        target = Database(target_url)
        try:
            if source.location == target.location:
                raise RegistryError(f"The registry is in {target.location} already.")
            reading = source.transaction(Access.READ)
            with reading as old, target.transaction(Access.WRITE) as new:
                _demand_empty(new, target.location)
                return _copy(old, new, target.location)
        finally:
            target.close()
    finally:
        source.close()


def _demand_empty(connection: Connection, location: str) -> None:
    # the row is locked as by every change, so that no Core begins to use it meanwhile
    connection.execute(select(tables.registry.c.revision).with_for_update())
    if connection.execute(select(func.count()).select_from(tables.project)).scalar_one():
        raise RegistryError(
            f"The registry {location} has patterns or keys already; name an empty database."
        )


def _copy(old: Connection, new: Connection, location: str) -> dict[str, int]:
    new.execute(delete(tables.registry))  # an empty registry has an epoch of its own
    counts: dict[str, int] = {}
    for table in tables.metadata.sorted_tables:
        rows = old.execute(select(table)).mappings()
        for part in rows.partitions(_ROWS):
            new.execute(insert(table), [dict(row) for row in part])
        there = new.execute(select(func.count()).select_from(table)).scalar_one()
        here = old.execute(select(func.count()).select_from(table)).scalar_one()
        if there != here:
            raise RegistryError(
                f"The registry {location} got {there} of {here} rows of {table.name}; nothing was "
                "copied."
            )
        counts[table.name] = there
        _count_on(new, table.name, [column.name for column in table.c if column.type is Id])
    return counts


def _count_on(connection: Connection, table: str, columns: list[str]) -> None:
    """Have the numbers that PostgreSQL gives go on after those that were copied."""
    if connection.dialect.name != "postgresql":
        return
    for column in columns:
        sequence = connection.execute(
            text("SELECT pg_get_serial_sequence(:table, :column)"),
            {"table": table, "column": column},
        ).scalar()
        if sequence is not None:
            connection.execute(
                text(
                    f"SELECT setval(:sequence, coalesce(max({column}), 0) + 1, false) FROM {table}"
                ),
                {"sequence": sequence},
            )
