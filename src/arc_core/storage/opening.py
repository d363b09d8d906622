"""Finds the engine that an address names, and opens the call store in it."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, Any

from arc_core.storage import engines
from arc_core.storage.call_store import StoreError
from arc_core.storage.sql_store import SqlCallStore
from arc_protocol.extensions import extensions

if TYPE_CHECKING:
    from pathlib import Path

    from arc_core.storage.call_store import CallStore


def open_call_store(url: str | None, data: Path, *, memory_limit_mb: int = 1000) -> CallStore:
    """Open the call store at `url`, or the one in the folder `data`.

    `url` is None or "chdb" for the folder, "clickhouse://user:password@host:8123/database" for a
    server. `memory_limit_mb` is for the engine in this process, with all that it caches.
    Raises `StoreBusyError`, `StoreCorruptError` or `StoreError`.
    """
    scheme = (url or "chdb").partition(":")[0]
    engine = _engine(scheme).connect(url or "chdb", data, memory_limit_mb=memory_limit_mb)
    try:
        return SqlCallStore(engine)
    except BaseException:
        engine.close()
        raise


def _engine(scheme: str) -> Any:
    """Return the module that is named like the scheme, here or in the group `arc.stores`."""
    known = [module.name for module in pkgutil.iter_modules(engines.__path__)]
    if scheme in known:
        return importlib.import_module(f"{engines.__name__}.{scheme}")
    others = {each.name: each for each in extensions("arc.stores")}
    if scheme not in others:
        kinds = " or ".join([*known, *sorted(others)])
        raise StoreError(f"{scheme!r} is no kind of call store: addresses start with {kinds}.")
    try:
        return others[scheme].load()
    except Exception as fault:
        raise StoreError(
            f"The call store {scheme!r} of {others[scheme].value} cannot be loaded"
            f" ({type(fault).__name__}: {fault}): mend or install again the package that brings it."
        ) from fault
