"""A ClickHouse server, over HTTP: the store for more than one Core, or more than one machine."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

from arc_core.storage.call_store import StoreError
from arc_core.storage.engine import failure, insert_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa
    from clickhouse_connect.driver.client import Client

_OLDEST = (25, 8)
_FORM = "clickhouse://user:password@host:8123/database, and ?secure=1 for TLS"
_DATABASE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def connect(url: str, folder: Path, *, memory_limit_mb: int) -> ClickHouseEngine:
    """Connect to the server at `url`; its data and its limits are its own."""
    return ClickHouseEngine(url)


class ClickHouseEngine:
    """An `Engine` in a server."""

    name = "clickhouse"
    table_settings = ""
    used_before = False  # a database that was dropped is made again

    def mark_used(self) -> None:
        """Do nothing: the server itself knows what it has."""

    def __init__(self, url: str) -> None:
        import clickhouse_connect
        from clickhouse_connect.driver import httputil

        try:
            parts = urlsplit(url)
            options = parse_qs(parts.query, strict_parsing=bool(parts.query))
            port = parts.port
        except ValueError as error:
            raise StoreError(
                f"The address of the call store is not of the form {_FORM}."
            ) from error
        secure = options.pop("secure", ["0"])[-1]
        self.database = parts.path.strip("/") or "arc"
        if (
            not parts.hostname
            or options
            or secure not in ("0", "1")
            or not _DATABASE.fullmatch(self.database)
        ):
            raise StoreError(f"The address of the call store is not of the form {_FORM}.")
        port = port or (8443 if secure == "1" else 8123)
        self.location = f"{parts.hostname}:{port}/{self.database}"
        with self._failures():
            self._client: Client = clickhouse_connect.get_client(
                host=parts.hostname,
                port=port,
                username=unquote(parts.username or "default"),
                password=unquote(parts.password or ""),
                secure=secure == "1",
                connect_timeout=10,
                send_receive_timeout=60,
                autogenerate_session_id=False,  # a session does one thing at a time
                # a pool of its own: the shared one outlives clients, with a few connections
                pool_mgr=httputil.get_pool_manager(maxsize=16),
            )
        self.version = self._client.server_version or "0.0"
        if tuple(int(part) for part in self.version.split(".")[:2]) < _OLDEST:
            self.close()
            raise StoreError(
                f"The call store at {self.location} is ClickHouse {self.version}: Arc needs"
                f" {'.'.join(map(str, _OLDEST))} or newer."
            )

    def command(self, sql: str) -> None:
        """Run a statement that selects nothing."""
        with self._failures():
            self._client.command(sql)

    def query(self, sql: str, parameters: Mapping[str, str | int]) -> bytes:
        """Return what a statement selects as one JSON object per line."""
        with self._failures():
            return self._client.raw_query(sql, dict(parameters), fmt="JSONEachRow")

    def insert(self, table: str, columns: Sequence[str], block: memoryview, *, token: str) -> None:
        """Insert an Arrow stream; when it was inserted before with this token, do nothing."""
        into, settings = f"{self.database}.{table}", insert_settings(token)
        with self._failures():
            self._client.raw_insert(into, columns, bytes(block), settings, fmt="ArrowStream")

    def read(self, sql: str) -> Iterator[pa.RecordBatch]:
        """Run a query whose result need not fit into memory."""
        import pyarrow as pa

        with self._failures(), self._client.raw_stream(sql, fmt="ArrowStream") as stream:
            yield from pa.ipc.open_stream(stream)

    def close(self) -> None:
        """Disconnect."""
        self._client.close()

    @contextlib.contextmanager
    def _failures(self) -> Iterator[None]:
        from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError

        try:
            yield
        except OperationalError as error:
            if "Code: " in str(error):  # it did answer
                raise failure(str(error), self.location) from error
            raise StoreError(
                f"No ClickHouse answers at {self.location}: start it, or check the address of the"
                f" call store. ({str(error)[:200]})"
            ) from error
        except ClickHouseError as error:
            raise failure(str(error), self.location) from error
