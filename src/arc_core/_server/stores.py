"""Opens both stores, in order, and closes them again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from arc_core.config import SettingError, Settings
from arc_core.registry.registry import Registry
from arc_core.storage import CallStore, open_call_store


@contextmanager
def open_stores(settings: Settings) -> Iterator[tuple[CallStore, Registry]]:
    """Open the call store and the registry; give both.

    Raises `StoreError`, `RegistryError` or `SettingError`, each with one sentence.
    """
    _make_folder(settings.data)
    store = open_call_store(settings.store, settings.data, memory_limit_mb=settings.memory_mb)
    try:
        registry = Registry.open(settings.registry_url)
        try:
            yield store, registry
        finally:
            registry.close()
    finally:
        store.close()


def _make_folder(data: Path) -> None:
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as problem:
        raise SettingError(
            f"The folder {data} cannot be made ({problem.strerror}); name another with --data."
        ) from None
