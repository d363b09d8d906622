"""Servers for the tests of the HTTP interface."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from arc_core.storage import CallStore, open_call_store
from core.web.served import Served, served


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CallStore]:
    """A call store that the tests of a file share; each takes calls of its own project."""
    opened = open_call_store(None, tmp_path_factory.mktemp("store"))
    yield opened
    opened.close()


@pytest.fixture
def core(store: CallStore, tmp_path: Path) -> Iterator[Served]:
    """A server that demands no key."""
    with served(store, tmp_path) as ready:
        yield ready


@pytest.fixture
def guarded(store: CallStore, tmp_path: Path) -> Iterator[Served]:
    """A server that demands a key."""
    with served(store, tmp_path, demand_key=True) as ready:
        yield ready
