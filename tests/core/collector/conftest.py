"""A collector over the real embedded store, for all tests of the protocols in one file."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from arc_core.storage import CallStore, open_call_store
from core.collector.running import Collector, collector


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CallStore]:
    """An empty store; a process can have one open at a time."""
    folder: Path = tmp_path_factory.mktemp("store")
    opened = open_call_store(None, folder)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def running(store: CallStore) -> Iterator[Collector]:
    """A collector over that store."""
    with collector(store) as made:
        yield made


@pytest.fixture
def project() -> str:
    """A project of the test's own."""
    return uuid.uuid4().hex
