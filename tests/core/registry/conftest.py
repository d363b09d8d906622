"""A fresh registry for each test, once in SQLite and once in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from arc_core.registry.registry import Registry
from core.postgres_server import MISSING, PostgresServer, programs, running


class Clock:
    """A clock that stands still unless it is told."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 1, 12, tzinfo=timezone.utc)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    found = programs()
    if found is None:
        pytest.skip(MISSING)
    with running(found) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'registry.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.empty_database()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def opened() -> Iterator[Callable[..., Registry]]:
    """Opens registries, and closes them at the end."""
    registries: list[Registry] = []

    def open_registry(url: str, **options: Clock) -> Registry:
        registries.append(Registry.open(url, **options))
        return registries[-1]

    yield open_registry
    for registry in registries:
        registry.close()


@pytest.fixture
def registry(url: str, clock: Clock, opened: Callable[..., Registry]) -> Registry:
    return opened(url, clock=clock)
