"""A PostgreSQL server of Debian's packages for one test run, in a folder of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

MISSING = (
    "PostgreSQL is not installed; run scripts/install-test-services as root, "
    "or install your system's package `postgresql`"
)
_START_WITHIN_S = 60


def programs() -> Path | None:
    """Return the folder of initdb and pg_ctl, that of the newest version, or None."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"),
        key=lambda path: int(path.parts[-3]),
    )
    on_path = shutil.which("initdb")
    if not found and on_path:
        found = [Path(on_path).resolve()]
    return found[-1].parent if found else None


class PostgresServer:
    """A server that is reached through a socket in its folder."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self._folder = folder
        self._programs = programs
        # PostgreSQL refuses to run as root; its package brings a user for it
        self._user = "postgres" if os.geteuid() == 0 else None
        if self._user:
            shutil.chown(folder, self._user)
        data = str(folder / "data")
        self._run("initdb", "-D", data, "-U", "arc", "-A", "trust", "-E", "UTF8", "--no-sync")

    def start(self) -> None:
        """Start the server; return once it answers."""
        # it must survive a kill, not power loss
        options = f"-k {self._folder} -c listen_addresses='' -c fsync=off"
        self._pg_ctl("start", "-l", str(self._folder / "log"), "-o", options)

    def stop(self) -> None:
        """End the server at once, as if it had crashed."""
        self._pg_ctl("stop", "-m", "immediate")

    def empty_database(self) -> str:
        """Empty the database, ending every connection to it; return its URL.

        Much faster than a new one for each test.
        """
        with psycopg.connect(f"host={self._folder} user=arc dbname=postgres") as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
        return f"postgresql://arc@/postgres?host={self._folder}"

    def _pg_ctl(self, *arguments: str) -> None:
        data = str(self._folder / "data")
        self._run("pg_ctl", "-D", data, "-w", "-t", str(_START_WITHIN_S), *arguments)

    def _run(self, program: str, *arguments: str) -> None:
        # to a file: the server that pg_ctl leaves behind would keep a pipe open
        with open(self._folder / f"{program}.out", "w+") as output:
            done = subprocess.run(
                [str(self._programs / program), *arguments],
                stdout=output,
                stderr=subprocess.STDOUT,
                user=self._user,
                cwd=self._folder,
            )
            if done.returncode != 0:
                output.seek(0)
                raise RuntimeError(f"{program} failed: {output.read()}")


@contextmanager
def running(programs: Path) -> Iterator[PostgresServer]:
    """Start a server, and stop it at the end."""
    # not in pytest's folder, which only its owner may enter
    folder = Path(tempfile.mkdtemp(prefix="arc-postgres-"))
    server = PostgresServer(folder, programs)
    try:
        server.start()
        yield server
        server.stop()
    finally:
        shutil.rmtree(folder)
