"""Where finished calls are kept: in a folder, or in a ClickHouse server."""

from __future__ import annotations

from arc_core.storage.call_store import (
    MAX_CALLS,
    MAX_OUTCOMES,
    CallQuery,
    CallStore,
    Row,
    StoreBusyError,
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StoreInfo,
    arrival_cursor,
    cursor,
)
from arc_core.storage.opening import open_call_store

__all__ = [
    "MAX_CALLS",
    "MAX_OUTCOMES",
    "CallQuery",
    "CallStore",
    "Row",
    "StoreBusyError",
    "StoreCorruptError",
    "StoreError",
    "StoreFullError",
    "StoreInfo",
    "arrival_cursor",
    "cursor",
    "open_call_store",
]
