"""What the call store needs of a database that speaks ClickHouse's SQL, and how it fails."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

from arc_core.storage.call_store import StoreCorruptError, StoreError, StoreFullError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa


class Engine(Protocol):
    """A connected database. Thread-safe; every method raises `StoreError` or a kind of it."""

    name: str
    """The URL's scheme."""
    version: str
    location: str
    """Where the data is, for people."""
    database: str
    table_settings: str
    """What to add to the settings of a table: empty or starting with a comma."""
    used_before: bool
    """Whether there must be tables: that there are none is damage, no reason to make them."""

    def mark_used(self) -> None:
        """Remember that there are tables."""

    def command(self, sql: str) -> None:
        """Run a statement that selects nothing."""

    def query(self, sql: str, parameters: Mapping[str, str | int]) -> bytes:
        """Return what a statement selects as one JSON object per line.

        `parameters` are the values of `{name:Type}` in it.
        """

    def insert(self, table: str, columns: Sequence[str], block: memoryview, *, token: str) -> None:
        """Insert an Arrow stream; when it was inserted before with this token, do nothing."""

    def read(self, sql: str) -> Iterator[pa.RecordBatch]:
        """Run a query whose result need not fit into memory."""

    def close(self) -> None:
        """Let go of the data."""


def insert_settings(token: str) -> dict[str, str | int]:
    """Return the settings of an insert that happens at once, and a second time not at all."""
    if not _TOKEN.fullmatch(token):
        raise ValueError(f"{token!r} is no token: 1 to 200 letters, digits and '-:_.' make one")
    return {
        "async_insert": 0,  # batches are made by us: waiting for more would only delay them
        "insert_deduplicate": 1,
        # doubles are left for merges: to look for them in each batch costs a quarter of its insert
        "optimize_on_insert": 0,
        "insert_deduplication_token": token,
    }


_TOKEN = re.compile(r"[A-Za-z0-9_.:-]{1,200}")
_CODE = re.compile(r"Code: (\d+)")
_FULL = {243}  # NOT_ENOUGH_SPACE
_CORRUPT = {
    33,  # CANNOT_READ_ALL_DATA
    39,  # TOO_LARGE_SIZE_COMPRESSED, a length that cannot be
    40,  # CHECKSUM_DOESNT_MATCH
    228,  # BAD_SIZE_OF_FILE_IN_DATA_PART
    226,  # NO_FILE_IN_DATA_PART
    231,  # TOO_MANY_UNEXPECTED_DATA_PARTS
    246,  # CORRUPTED_DATA
    271,  # CANNOT_DECOMPRESS
}
_NO_MEMORY = {241}  # MEMORY_LIMIT_EXCEEDED
_LONGEST = 500


def failure(reason: str, location: str) -> StoreError:
    """Return the error for what the database said."""
    found = _CODE.search(reason)
    code = int(found.group(1)) if found else 0
    short = " ".join(reason.split())[:_LONGEST]
    if code in _FULL or "No space left on device" in reason:
        return StoreFullError(
            f"There is no room left on the disk of the call store at {location}: free some, or"
            f" keep calls for fewer days. ({short})"
        )
    if code in _CORRUPT or "Most likely corrupted data" in reason:
        return StoreCorruptError(
            f"The call store at {location} is damaged; nothing was changed. Restore it from a"
            f" backup, or move it away to start with an empty one. ({short})"
        )
    if code in _NO_MEMORY:
        return StoreError(
            f"The call store at {location} may not take as much memory as this needs: give it more,"
            f" the embedded one by --memory-mb. ({short})"
        )
    return StoreError(f"The call store at {location} refused: {short}")
