"""The database of the registry: opened by URL, used in short transactions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from sqlalchemy import URL, Connection, Engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from arc_core.registry import postgresql, schema, sqlite
from arc_core.registry.access import Access
from arc_core.registry.errors import RegistryError, RegistryUnavailableError


class Listener(Protocol):
    """Hears of changes by any process."""

    def fileno(self) -> int:
        """Return what becomes readable with a change, and when the connection ends."""

    def take(self) -> None:
        """Forget what was heard; raises `ConnectionError` when the connection has ended."""

    def close(self) -> None:
        """End the connection."""


class _Backend(Protocol):
    """What a module that knows one database has."""

    BEGIN: dict[Access, tuple[str, ...]]
    """The statements that begin a transaction."""

    def location(self, url: URL) -> str: ...
    def engine(self, url: URL) -> Engine: ...
    def prepare(self, opened: Engine) -> None: ...
    def lock_schema(self, connection: Connection) -> None: ...
    def announce(self, connection: Connection) -> None: ...
    def listener(self, opened: Engine) -> Listener | None: ...
    def explain(self, problem: Exception) -> str | None: ...


_BACKENDS: dict[str, _Backend] = {"sqlite": sqlite, "postgresql": postgresql}


class Database:
    """Transactions on a migrated database; thread-safe."""

    def __init__(self, url: str) -> None:
        """Open and migrate; raises `RegistryError` in one sentence if that cannot be done."""
        parsed = _parsed(url)
        self._backend = _BACKENDS[parsed.drivername]
        self.location = self._backend.location(parsed)
        self.engine = self._backend.engine(parsed)
        event.listen(self.engine, "begin", self._begin)
        try:
            with self._explained():
                self._backend.prepare(self.engine)
            with self.transaction(Access.WRITE) as connection:
                self._backend.lock_schema(connection)
                schema.migrate(connection, self.location)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def transaction(self, access: Access) -> Iterator[Connection]:
        """Commit at the end, or roll back if an error passes through."""
        with self._explained(), self.engine.connect() as plain:
            connection = plain.execution_options(arc_access=access)
            with connection.begin():
                yield connection

    def announce(self, connection: Connection) -> None:
        """Tell other processes of a change once the transaction of the connection is committed."""
        self._backend.announce(connection)

    def listener(self) -> Listener | None:
        """Return what hears of changes, if the database can tell."""
        with self._explained():
            return self._backend.listener(self.engine)

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    def _begin(self, connection: Connection) -> None:
        access = connection.get_execution_options().get("arc_access")
        if access is None:
            return  # not of `transaction`: a pragma, or a listener
        for statement in self._backend.BEGIN[access]:
            connection.exec_driver_sql(statement)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as problem:
            cause = problem.orig if isinstance(problem.orig, Exception) else problem
            known = self._backend.explain(cause)
            if known is not None:
                sentence = f"The registry {self.location} {known} ({_first_line(cause)})."
                raise RegistryUnavailableError(sentence) from problem
            sentence = f"The registry {self.location} failed: {_first_line(cause)}."
            raise RegistryError(sentence) from problem
        except (SQLAlchemyError, UnicodeError) as problem:
            sentence = f"The registry {self.location} failed: {_first_line(problem)}."
            raise RegistryError(sentence) from problem


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        parsed = None
    if parsed is None or parsed.drivername not in _BACKENDS:
        raise RegistryError(
            "The registry's address is not understood; write sqlite:///registry.db or "
            "postgresql://user:password@host/database."
        )
    return parsed


def _first_line(problem: Exception) -> str:
    lines = str(problem).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(problem).__name__
