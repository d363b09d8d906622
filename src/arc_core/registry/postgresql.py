"""The registry in PostgreSQL: for more than one Core process."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, cast

from sqlalchemy import URL, Connection, Engine, create_engine

from arc_core.registry.access import Access
from arc_core.registry.errors import RegistryError

if TYPE_CHECKING:
    import psycopg

_CHANNEL = "arc_change"

_SCHEMA_LOCK = 0x6172635F726567
"""Number of the advisory lock under which migrations run; any number, the same for all."""

BEGIN: dict[Access, tuple[str, ...]] = {
    Access.READ: ("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",),
    Access.WRITE: ("SET TRANSACTION ISOLATION LEVEL READ COMMITTED",),
    Access.REPORT: (
        "SET TRANSACTION ISOLATION LEVEL READ COMMITTED",
        "SET LOCAL synchronous_commit TO off",
    ),
}

_PROBLEMS = {
    "25006": "cannot be written; name the primary server",
    "28P01": "refuses the password; check user and password in its address",
    "28000": "refuses the user; check its pg_hba.conf and the user in the address",
    "3D000": "is not there; make it with `createdb`",
    "3F000": "has no schema to make tables in; let the user create tables in one",
    "42501": "does not allow it; let the user create tables in its schema",
    "53100": "has no room left on its disk; make room",
    "53300": "has no connection left; raise its max_connections",
    "55P03": "is locked by another process; end that process, or try again later",
}
"""What to say by PostgreSQL's error code."""

_CONNECTING = {
    "authentication failed": _PROBLEMS["28P01"],
    "pg_hba.conf": _PROBLEMS["28000"],
    'FATAL:  role "': _PROBLEMS["28000"],
    "does not exist": _PROBLEMS["3D000"],
    "too many": _PROBLEMS["53300"],
}


def location(url: URL) -> str:
    """Return what people call the database, without the password."""
    return url.set(query={}).render_as_string(hide_password=True)


def engine(url: URL) -> Engine:
    """Prepare connections; none is made yet."""
    if importlib.util.find_spec("psycopg") is None:
        raise RegistryError(
            'A registry in PostgreSQL needs psycopg; run: pip install "arc-runtime[core]".'
        )
    defaults = {
        "connect_timeout": "5",
        "application_name": "arc-core",
        "options": "-c lock_timeout=10s",
    }
    url = url.set(drivername="postgresql+psycopg").update_query_dict({**defaults, **url.query})
    return create_engine(url, pool_pre_ping=True)  # the server may have restarted


def prepare(opened: Engine) -> None:
    """Do nothing: a server looks after itself."""


def lock_schema(connection: Connection) -> None:
    """Make other processes wait until this transaction has migrated."""
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_SCHEMA_LOCK})")


def announce(connection: Connection) -> None:
    """Tell every process that listens, once the transaction is committed."""
    connection.exec_driver_sql(f"NOTIFY {_CHANNEL}")


class Listener:
    """A connection that hears of changes by any process."""

    def __init__(self, opened: Engine) -> None:
        self._connection = opened.connect().execution_options(isolation_level="AUTOCOMMIT")
        self._connection.exec_driver_sql(f"LISTEN {_CHANNEL}")
        self._driver = cast("psycopg.Connection", self._connection.connection.driver_connection)
        self._socket = self._driver.fileno()

    def fileno(self) -> int:
        """Return what becomes readable with a change, and when the connection ends."""
        return self._socket

    def take(self) -> None:
        """Forget what was heard; raises `ConnectionError` when the connection has ended."""
        from psycopg import Error

        try:
            for _ in self._driver.notifies(timeout=0):
                pass
        except Error as problem:
            raise ConnectionError(str(problem)) from problem

    def close(self) -> None:
        """End the connection; it does not go back to the pool, as it would go on listening."""
        self._connection.invalidate()
        self._connection.close()


def listener(opened: Engine) -> Listener:
    """Begin to listen."""
    return Listener(opened)


def explain(problem: Exception) -> str | None:
    """Return what is wrong and what to do, if it is known."""
    from psycopg import OperationalError

    code = getattr(problem, "sqlstate", None)
    if code is not None and not code.startswith(("08", "57P")):
        return _PROBLEMS.get(code)
    if not isinstance(problem, OperationalError):
        return None
    text = str(problem)  # while connecting, libpq passes on texts alone
    known = next((meaning for part, meaning in _CONNECTING.items() if part in text), None)
    return known or "cannot be reached; check that PostgreSQL runs there"
