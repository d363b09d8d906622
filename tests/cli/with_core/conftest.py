"""A Core to ask, and the command line that asks it."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import arc_cli
from arc_core.storage import CallStore, open_call_store
from core.web.served import Served, served


class Result(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """What was printed, which fits the terminal."""
        lines = self.out.splitlines()
        assert all(len(line) <= 80 for line in lines)
        return lines

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Arc = Callable[..., Result]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CallStore]:
    opened = open_call_store(None, tmp_path_factory.mktemp("store"))
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 80 columns, and nothing set that says which Core to ask."""
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("ARC_API_KEY", "ARC_CORE_URL", "ARC_TLS_CA", "ARC_TLS_CERT", "ARC_TLS_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def core(store: CallStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A Core that demands no key, and that commands ask unless told otherwise."""
    with served(store, tmp_path) as ready:
        monkeypatch.setenv("ARC_CORE_URL", ready.url)
        yield ready


@pytest.fixture
def guarded(store: CallStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A Core that demands a key."""
    with served(store, tmp_path, demand_key=True) as ready:
        monkeypatch.setenv("ARC_CORE_URL", ready.url)
        yield ready


@pytest.fixture
def arc(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Arc:
    """Run a command."""

    def run(*arguments: str, stdin: str = "") -> Result:
        with monkeypatch.context() as patched:
            patched.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
            try:
                code = arc_cli.main(arguments)
            except SystemExit as end:
                code = int(end.code or 0)
        out, err = capsys.readouterr()
        return Result(code, out, err)

    return run
