"""The registry in one SQLite file: nothing to set up, for one machine."""

from __future__ import annotations

import os
import re
import time
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import OperationalError

from arc_core.registry.access import Access
from arc_core.registry.errors import RegistryError, RegistryUnavailableError

_WAIT_S = "10"
"""So long a transaction waits for that of another process; `?timeout=` in the URL changes it."""

BEGIN: dict[Access, tuple[str, ...]] = {
    Access.READ: ("BEGIN",),
    # one that reads and then writes fails if another wrote in between, unless it locks at once
    Access.WRITE: ("PRAGMA synchronous=FULL", "BEGIN IMMEDIATE"),
    Access.REPORT: ("PRAGMA synchronous=NORMAL", "BEGIN IMMEDIATE"),
}

_PROBLEMS = {
    "locked": "is locked by another process; end that process, or try again later",
    "readonly": "cannot be written; give this user the right to write the file and its folder",
    "full": "has no room left on its disk; make room",
    "not a database": "is no SQLite database; name another file, or restore a backup",
    "malformed": "is damaged; restore a backup",
    "unable to open": "cannot be opened; check that its folder is there and may be written",
}
"""What to say by a part of SQLite's message; Python 3.10 does not pass on its error codes."""


def location(url: URL) -> str:
    """Return what people call the database."""
    return url.database or "sqlite:"


def engine(url: URL) -> Engine:
    """Open the file, readable by its owner alone when it is new."""
    path = url.database
    wait_s = url.query.get("timeout", _WAIT_S)
    if (
        set(url.query) - {"timeout"}
        or not re.fullmatch(r"[0-9]{1,5}(\.[0-9]{1,3})?", str(wait_s))
        or not path
        or path == ":memory:"
        or path.startswith("file:")
    ):
        raise RegistryError(
            "The registry's address names no file, or has unknown options; write "
            "sqlite:///registry.db, or with four slashes for an absolute path."
        )
    try:
        # SQLite would make it readable for all; the -wal and -shm files take over these rights
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except (OSError, ValueError) as problem:
        why = getattr(problem, "strerror", None) or problem
        raise RegistryUnavailableError(
            f"The registry {path} cannot be opened for writing: {why}; "
            "check that its folder is there and that this user may write both."
        ) from None
    made = create_engine(url.update_query_dict({"timeout": wait_s}))
    event.listen(made, "connect", _connected)
    return made


def prepare(opened: Engine) -> None:
    """Check the file, and switch to a write-ahead log, so that readers never wait for writers."""
    deadline = time.monotonic() + float(_WAIT_S)
    with opened.connect() as plain, plain.execution_options(arc_access=None) as connection:
        found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
        if found != "ok":
            raise RegistryUnavailableError(
                f"The registry {opened.url.database} {_PROBLEMS['malformed']} ({found})."
            )
        while True:
            try:
                connection.exec_driver_sql("PRAGMA journal_mode=WAL")
                return
            except OperationalError as problem:
                # SQLite does not wait here by itself; another process may be switching as well
                if "locked" not in str(problem.orig) or time.monotonic() > deadline:
                    raise
            time.sleep(0.01)


def explain(problem: Exception) -> str | None:
    """Return what is wrong and what to do, if it is known."""
    text = str(problem)
    return next((meaning for part, meaning in _PROBLEMS.items() if part in text), None)


def lock_schema(connection: Connection) -> None:
    """Do nothing: a writing transaction has the file for itself."""


def announce(connection: Connection) -> None:
    """Do nothing: other processes look."""


def listener(opened: Engine) -> None:
    """Return nothing: SQLite cannot tell one process what another did."""


def _connected(connection: Any, _: object) -> None:
    connection.isolation_level = None  # no transactions but those of `BEGIN`
    connection.execute("PRAGMA foreign_keys=ON")
