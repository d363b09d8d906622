"""Brings the tables of a store to the newest version, and refuses what it does not know."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from arc_core.storage.call_store import StoreCorruptError, StoreError
from arc_core.storage.schema import MIGRATIONS, TABLES

if TYPE_CHECKING:
    from arc_core.storage.engine import Engine


def migrate(engine: Engine) -> None:
    """Run the steps that the store has not had."""
    version = _version(engine)
    if version is None and engine.used_before:
        raise _damaged(engine, "its tables are gone")
    if version is not None and version > len(MIGRATIONS):
        raise StoreError(
            f"The call store at {engine.location} was written by a newer Arc (schema {version},"
            f" this one knows {len(MIGRATIONS)}): use that version or a newer one."
        )
    engine.command(f"CREATE DATABASE IF NOT EXISTS {engine.database}")
    engine.command(
        f"CREATE TABLE IF NOT EXISTS {engine.database}.schema_version"
        " (version UInt32, applied_at DateTime('UTC')) ENGINE = MergeTree ORDER BY version"
    )
    # A step that was interrupted is run again, so each is written to be repeatable.
    for number, step in enumerate(MIGRATIONS[version or 0 :], (version or 0) + 1):
        statements = step.format(database=engine.database, settings=engine.table_settings)
        for statement in statements.split(";"):
            engine.command(statement)
        engine.command(f"INSERT INTO {engine.database}.schema_version SELECT {number}, now('UTC')")
    missing = set(TABLES) - _tables(engine)
    if missing:
        raise _damaged(engine, f"table {min(missing)} is gone")
    engine.mark_used()


def _tables(engine: Engine) -> set[str]:
    found = engine.query(
        "SELECT name FROM system.tables WHERE database = {database:String}",
        {"database": engine.database},
    )
    return {json.loads(line)["name"] for line in found.splitlines()}


def _version(engine: Engine) -> int | None:
    """Return the version of the tables; None when there are none, 0 when they are being made."""
    if "schema_version" not in _tables(engine):
        return None
    found = engine.query(
        f"SELECT max(version) AS version FROM {engine.database}.schema_version", {}
    )
    version: int = json.loads(found)["version"]
    return version


def _damaged(engine: Engine, what: str) -> StoreCorruptError:
    return StoreCorruptError(
        f"The call store at {engine.location} is damaged, {what}; nothing was changed. Restore it"
        " from a backup, or move it away to start with an empty one."
    )
