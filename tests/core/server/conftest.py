"""Servers for the tests of Core over them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.clickhouse_server import ClickHouseServer, clickhouse_server
from core.postgres_server import MISSING, PostgresServer, programs, running


@pytest.fixture(scope="module")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseServer]:
    with clickhouse_server(tmp_path_factory.mktemp("clickhouse")) as server:
        yield server


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    found = programs()
    if found is None:
        pytest.skip(MISSING)
    with running(found) as server:
        yield server
