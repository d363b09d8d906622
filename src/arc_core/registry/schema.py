"""Bring a database to the tables that this version of Arc knows."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from arc_core.registry.errors import RegistryError
from arc_core.registry.migrations import HEAD, VERSION_TABLE


def migrate(connection: Connection, location: str) -> None:
    """Make or migrate the tables in the transaction of the connection, which has the lock.

    Raises `RegistryError`, with nothing changed, for a database of a newer version.
    """
    version = _version(connection)
    if version == HEAD:
        return
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    # the option is a template: a percent sign in the path is written twice
    scripts = str(Path(__file__).with_name("migrations")).replace("%", "%%")
    config.set_main_option("script_location", scripts)
    config.set_main_option("path_separator", "os")
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if version is not None and version not in known:
        raise RegistryError(
            f"The registry {location} was made by a newer version of Arc (its tables are "
            f"{version}, this version knows up to {HEAD}); use that version. Nothing was changed."
        )
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}"))
    version: str | None = found.scalar_one_or_none()
    return version
