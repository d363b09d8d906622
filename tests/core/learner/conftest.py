"""A call store that the tests share, and a registry for each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from arc_core.registry.registry import Registry
from arc_core.storage import CallStore, open_call_store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CallStore]:
    """Each test takes calls of its own project."""
    opened = open_call_store(None, tmp_path_factory.mktemp("store"))
    yield opened
    opened.close()


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    opened = Registry.open(f"sqlite:///{tmp_path / 'registry.db'}")
    yield opened
    opened.close()
