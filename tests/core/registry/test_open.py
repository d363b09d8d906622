"""Opening: new, old, newer, damaged, locked and forbidden databases."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, make_url

from arc_core.registry import migrations, tables
from arc_core.registry.errors import RegistryError, RegistryUnavailableError
from arc_core.registry.registry import Registry
from core.postgres_server import PostgresServer
from core.registry.documents import hot


def _engine(url: str):  # type: ignore[no-untyped-def]
    return create_engine(url.replace("postgresql:", "postgresql+psycopg:"))


def test_the_migrations_make_the_tables_that_the_code_uses(
    url: str, opened: Callable[[str], Registry]
) -> None:
    opened(url).close()
    engine = _engine(url)
    with engine.connect() as connection:
        options = {"version_table": migrations.VERSION_TABLE, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, tables.metadata) == []
    engine.dispose()


def test_the_newest_migration_is_the_one_that_needs_none() -> None:
    config = Config()
    config.set_main_option("path_separator", "os")
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [migrations.HEAD]


def test_a_database_of_a_newer_version_is_left_alone(
    url: str, opened: Callable[[str], Registry]
) -> None:
    registry = opened(url)
    registry.add_pattern("p", hot("a"), author="ada")
    registry.close()
    engine = _engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE {migrations.VERSION_TABLE} SET version_num = 'r9999'")
    with pytest.raises(RegistryError) as refused:
        Registry.open(url)
    assert "was made by a newer version of Arc (its tables are r9999" in str(refused.value)
    assert str(refused.value).endswith("Nothing was changed.")
    with engine.begin() as connection:
        connection.exec_driver_sql(
            f"UPDATE {migrations.VERSION_TABLE} SET version_num = '{migrations.HEAD}'"
        )
    engine.dispose()
    assert opened(url).pattern("p", "a").revision == 1


def test_a_migration_that_fails_leaves_nothing(url: str) -> None:
    """A table of that name is in the way of the last one."""
    engine = _engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE arc_runtime (mine INTEGER)")
    with pytest.raises(RegistryError, match="arc_runtime"):
        Registry.open(url)
    with engine.connect() as connection:
        assert set(_names(connection)) == {"arc_runtime"}
    engine.dispose()


def _names(connection):  # type: ignore[no-untyped-def]
    return connection.dialect.get_table_names(connection)


def test_a_new_file_is_for_its_owner_alone(
    tmp_path: Path, opened: Callable[[str], Registry]
) -> None:
    registry = opened(f"sqlite:///{tmp_path / 'registry.db'}")
    registry.add_pattern("p", hot("a"), author="ada")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert set(modes) >= {"registry.db", "registry.db-wal"}
    assert set(modes.values()) == {0o600}


def test_a_path_may_hold_any_characters(tmp_path: Path, opened: Callable[[str], Registry]) -> None:
    folder = tmp_path / "100% \N{SNOWMAN}"
    folder.mkdir()
    registry = opened(f"sqlite:///{folder / 'registry.db'}")
    assert registry.location == str(folder / "registry.db")
    assert (folder / "registry.db").exists()


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    path.write_bytes(b"important notes " * 1000)
    with pytest.raises(RegistryUnavailableError, match=rf"^The registry {path} is no SQLite data"):
        Registry.open(f"sqlite:///{path}")
    assert path.read_bytes() == b"important notes " * 1000
    assert list(tmp_path.iterdir()) == [path]


def test_a_damaged_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    registry = Registry.open(f"sqlite:///{path}")
    for number in range(50):
        registry.add_pattern("p", hot(f"pattern {number}"), author="ada")
    registry.close()
    whole = path.read_bytes()
    damaged = whole[:8192] + b"\xff" * 8192 + whole[16384:]
    path.write_bytes(damaged)
    with pytest.raises(RegistryUnavailableError, match="is damaged; restore a backup"):
        Registry.open(f"sqlite:///{path}")
    assert path.read_bytes() == damaged


def test_a_locked_database_is_named(tmp_path: Path, opened: Callable[[str], Registry]) -> None:
    url = f"sqlite:///{tmp_path / 'registry.db'}?timeout=0.05"
    registry = opened(url)
    registry.add_pattern("p", hot("a"), author="ada")
    holder = sqlite3.connect(tmp_path / "registry.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(RegistryUnavailableError, match="is locked by another process"):
            Registry.open(url)
        with pytest.raises(RegistryUnavailableError, match="is locked by another process"):
            registry.add_pattern("p", hot("b"), author="ada")
        assert [record.name for record in registry.patterns("p")] == ["a"]
    finally:
        holder.close()
    registry.add_pattern("p", hot("b"), author="ada")


def test_a_lock_is_waited_for(tmp_path: Path, opened: Callable[[str], Registry]) -> None:
    registry = opened(f"sqlite:///{tmp_path / 'registry.db'}")
    holder = sqlite3.connect(
        tmp_path / "registry.db", isolation_level=None, check_same_thread=False
    )
    holder.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.2, holder.close)
    release.start()
    registry.add_pattern("p", hot("a"), author="ada")
    release.join()
    assert registry.pattern_set("p").version == 1


AS_NOBODY = """
import os, sys
from arc_core.registry.registry import Registry
from arc_core.registry.errors import RegistryUnavailableError
import alembic.command, sqlite3  # while the interpreter's folder can be read
if os.geteuid() == 0:
    os.setuid(65534)
try:
    Registry.open(sys.argv[1])
except RegistryUnavailableError as problem:
    sys.stdout.write(str(problem))
"""


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_database_that_may_not_be_written_is_named(tmp_path: Path, what: str) -> None:
    path = tmp_path / "registry.db"
    Registry.open(f"sqlite:///{path}").close()
    for folder in [tmp_path, *tmp_path.parents][:4]:
        folder.chmod(folder.stat().st_mode | 0o555)
    path.chmod(0o444 if what == "file" else 0o666)
    tmp_path.chmod(0o555)
    try:
        done = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, f"sqlite:///{path}"],
            capture_output=True,
            text=True,
            timeout=60,
        )
    finally:
        tmp_path.chmod(0o755)
    assert done.stdout.startswith(f"The registry {path} cannot be "), done.stderr
    assert "\n" not in done.stdout


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "is not understood; write sqlite:///registry.db or postgresql://"),
        ("registry.db", "is not understood"),
        ("mysql://host/db", "is not understood"),
        ("postgresql://host:port/db", "is not understood"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:///file:x.db?uri=true", "names no file"),
        ("sqlite:////no/such/folder/x.db", "No such file or directory; check that its folder"),
        ("sqlite:////", "cannot be opened for writing: Is a directory"),
        ("sqlite:////x\x00y", "cannot be opened"),
        ("sqlite:///x.db?timeout=soon", "has unknown options"),
        ("sqlite:///x.db?timeout=1.2.3", "has unknown options"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_in_one_sentence(url: str, sentence: str) -> None:
    with pytest.raises(RegistryError) as refused:
        Registry.open(url)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_server_that_is_not_there_is_named_without_the_password() -> None:
    with pytest.raises(RegistryUnavailableError) as refused:
        Registry.open("postgresql://ada:secret@127.0.0.1:1/arc")
    message = str(refused.value)
    assert message.startswith("The registry postgresql://ada:***@127.0.0.1:1/arc cannot be reached")
    assert "secret" not in message
    assert "\n" not in message


def test_what_postgresql_refuses_is_said_in_one_sentence(postgres: PostgresServer) -> None:
    url = make_url(postgres.empty_database())
    missing = url.set(database="nowhere").render_as_string()
    with pytest.raises(RegistryUnavailableError, match="is not there; make it with `createdb`"):
        Registry.open(missing)
    stranger = url.set(username="nobody").render_as_string()
    with pytest.raises(RegistryUnavailableError, match="refuses the user; check its"):
        Registry.open(stranger)


def test_a_postgresql_database_that_may_not_be_written_is_named(postgres: PostgresServer) -> None:
    url = postgres.empty_database()
    folder = make_url(url).query["host"]
    with psycopg.connect(f"host={folder} user=arc dbname=postgres") as admin:
        admin.execute("DROP ROLE IF EXISTS reader")
        admin.execute("CREATE ROLE reader LOGIN")
    with pytest.raises(RegistryUnavailableError, match="let the user create tables in one"):
        Registry.open(url.replace("arc@", "reader@"))


def test_tables_of_others_are_no_obstacle(
    postgres: PostgresServer, opened: Callable[[str], Registry]
) -> None:
    url = postgres.empty_database()
    folder = make_url(url).query["host"]
    with psycopg.connect(f"host={folder} user=arc dbname=postgres") as admin:
        admin.execute("CREATE TABLE alembic_version (version_num text)")
        admin.execute("INSERT INTO alembic_version VALUES ('of another program')")
        admin.execute("CREATE TABLE project (id int)")
    assert opened(url).pattern_set("p").version == 0
