"""ClickHouse inside this process, with its data in a folder: the store that needs no set-up."""

from __future__ import annotations

import contextlib
import importlib
import os
import queue
import sys
import tempfile
from typing import TYPE_CHECKING, Any

from arc_core.storage.call_store import StoreBusyError, StoreCorruptError, StoreError
from arc_core.storage.engine import failure, insert_settings
from arc_core.storage.lock import FolderLock

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa
    from chdb.state.sqlitelike import Connection

_HANDLES = 8
"""Statements at the same time; the engine itself uses as many threads as there are cores."""

_THREADS = {
    # The defaults are for a large server: 149 threads when idle.
    "background_pool_size": 2,
    "background_schedule_pool_size": 2,
    "background_common_pool_size": 2,
    "background_move_pool_size": 1,
    "background_fetches_pool_size": 1,
    "background_buffer_flush_schedule_pool_size": 1,
    "background_distributed_schedule_pool_size": 1,
    "background_message_broker_schedule_pool_size": 1,
    "tables_loader_foreground_pool_size": 2,
    "tables_loader_background_pool_size": 2,
}
_MB = 1_000_000
_MARK_CACHE_MB = 64

# How values are written into `{name:String}`.
_ESCAPES = str.maketrans(
    {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0", "\b": "\\b", "\f": "\\f"}
)


def connect(url: str, folder: Path, *, memory_limit_mb: int) -> ChdbEngine:
    """Open the store in `folder`/calls, which is made if it is not there; `url` says no more."""
    if url not in ("chdb", "chdb:", "chdb://"):
        raise StoreError(f"{url} is no address of a call store: chdb takes nothing after its name.")
    path = (folder / "calls").absolute()
    if "?" in str(path):
        raise StoreError(f"{path} cannot hold the call store: name a folder without '?'.")
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = FolderLock(path)
    except OSError as error:
        raise StoreError(f"{path} cannot hold the call store: {error.strerror}.") from error
    try:
        return ChdbEngine(path, lock, memory_limit_mb)
    except BaseException:
        lock.release()
        raise


class ChdbEngine:
    """An `Engine` in this process. One folder at a time can be open in a process."""

    name = "chdb"
    database = "arc"
    # The default puts up to a hundred damaged parts aside and goes on with the rest.
    #
    # The engine shares its core with the collector, so it shall not write each call again and
    # again: it merges more parts at a time, and none into more than 200 MB, which is 350,000 calls
    # with what was said. That makes some 30 parts of ten million calls; a day may have 2,000.
    # A part as large as one insert is one file instead of two for each column.
    table_settings = (
        ", max_suspicious_broken_parts = 0, merge_selector_base = 10"
        ", max_bytes_to_merge_at_max_space_in_pool = 200000000, parts_to_delay_insert = 2000"
        ", min_bytes_for_wide_part = 40000000"
    )

    def __init__(self, path: Path, lock: FolderLock, memory_limit_mb: int) -> None:
        self.location = str(path)
        self._lock = lock
        self._mark = path / "arc.store"
        self.used_before = self._mark.exists()
        limits = {
            "max_server_memory_usage": memory_limit_mb * _MB,
            "mark_cache_size": _MARK_CACHE_MB * _MB,
            **_THREADS,
        }
        self._url = f"{path}?" + "&".join(f"{name}={value}" for name, value in limits.items())
        # the engine stops with its last handle, and starts again with the next
        self._anchor = self._connect()
        self.version = self._anchor.query("SELECT version()", "TabSeparated").data().strip()
        self._idle: queue.LifoQueue[Connection | None] = queue.LifoQueue()
        for _ in range(_HANDLES):
            self._idle.put(None)

    def mark_used(self) -> None:
        """Remember that there are tables."""
        if not self.used_before:
            self._mark.write_text(
                "The call store of Arc. To start with an empty one, move it away.\n"
            )

    def command(self, sql: str) -> None:
        """Run a statement that selects nothing."""
        with self._handle() as handle:
            handle.query(sql)

    def query(self, sql: str, parameters: Mapping[str, str | int]) -> bytes:
        """Return what a statement selects as one JSON object per line."""
        values = {
            name: value.translate(_ESCAPES) if isinstance(value, str) else value
            for name, value in parameters.items()
        }
        with self._handle() as handle:
            result: bytes = handle.query(sql, "JSONEachRow", values).bytes()
            return result

    def insert(self, table: str, columns: Sequence[str], block: memoryview, *, token: str) -> None:
        """Insert an Arrow stream; when it was inserted before with this token, do nothing."""
        settings = ", ".join(
            f"{name} = {value!r}" for name, value in insert_settings(token).items()
        )
        # send_insert() would be a tenth faster, but reports success when the disk is full (26.9)
        with _as_file(block) as path, self._handle() as handle:
            handle.query(
                f"INSERT INTO {self.database}.{table} ({', '.join(columns)})"
                f" FROM INFILE '{path}' COMPRESSION 'none' SETTINGS {settings} FORMAT ArrowStream"
            )

    def read(self, sql: str) -> Iterator[pa.RecordBatch]:
        """Run a query whose result need not fit into memory."""
        import pyarrow
        from chdb.state import sqlitelike

        sqlitelike.pa = pyarrow  # type: ignore[attr-defined]  # see _import
        with self._handle() as handle, handle.send_query(sql, "Arrow") as result:
            yield from result.record_batch(rows_per_batch=8192)

    def close(self) -> None:
        """Let other processes have the folder; waits for what is running."""
        for _ in range(_HANDLES):
            handle = self._idle.get()
            if handle is not None:
                handle.close()
        self._anchor.close()
        self._lock.release()

    def _connect(self) -> Connection:
        chdb = _import()
        try:
            handle: Connection = chdb.connect(self._url)
        except RuntimeError as error:
            if "already initialized with path" in str(error):
                raise StoreBusyError(
                    f"{self.location} cannot be opened: this process has another call store open."
                ) from error
            if "initializing EmbeddedServer" in str(error):
                raise StoreCorruptError(
                    f"The call store at {self.location} is damaged, or open in another program;"
                    " nothing was changed. The engine has said above what is wrong. Restore it"
                    " from a backup, or move it away to start with an empty one."
                ) from error
            raise failure(str(error), self.location) from error
        return handle

    @contextlib.contextmanager
    def _handle(self) -> Iterator[Connection]:
        """Lend a handle; each does one thing at a time."""
        handle = self._idle.get()
        try:
            if handle is None:
                handle = self._connect()
            yield handle
        except RuntimeError as error:  # all that the engine raises
            raise failure(str(error), self.location) from error
        finally:
            self._idle.put(handle)


def _import() -> Any:
    """Import the engine, which takes a quarter of a second, without pyarrow.

    It is 40 MB, and chdb (4.4) takes it where it is there, for what `read` alone needs.
    """
    import chdb

    if "pyarrow" in sys.modules:
        return chdb
    sys.modules["pyarrow"] = None  # type: ignore[assignment]
    try:
        importlib.import_module("chdb.state.sqlitelike")
    finally:
        del sys.modules["pyarrow"]
    return chdb


@contextlib.contextmanager
def _as_file(content: memoryview) -> Iterator[str]:
    """Lend a file with this content; it touches no disk where the system can do without."""
    if sys.platform == "linux":
        with os.fdopen(os.memfd_create("arc-insert"), "wb") as file:
            file.write(content)
            file.flush()
            yield f"/proc/self/fd/{file.fileno()}"
    else:
        with tempfile.NamedTemporaryFile(prefix="arc-insert-") as file:
            file.write(content)
            file.flush()
            yield file.name
