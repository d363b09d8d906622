"""The engines under test: both real."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from arc_core.storage import CallStore
from core.clickhouse_server import ClickHouseServer, clickhouse_server
from core.storage.places import Place


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseServer]:
    """A ClickHouse server; tests take databases of their own."""
    with clickhouse_server(tmp_path_factory.mktemp("clickhouse")) as running:
        yield running


@pytest.fixture(params=["chdb", "clickhouse"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """An empty place of each kind."""
    url = None
    if request.param == "clickhouse":
        running: ClickHouseServer = request.getfixturevalue("server")
        url = running.url(f"test_{uuid.uuid4().hex}")
    made = Place(url, tmp_path)
    yield made
    made.close()


@pytest.fixture
def store(place: Place) -> CallStore:
    return place.open()
