"""`arc doctor` in an environment without settings, and a Core that it may look at."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Iterator, Optional

import pytest

from arc_cli import doctor
from cli.doctor.report import Examine, Report
from core.core_process import CoreProcess
from core.core_process import core as core_process


@pytest.fixture
def examine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Examine:
    """Run `arc doctor --json` with these settings in the environment, and no others."""
    for name in list(os.environ):
        if name.startswith("ARC_") or name.endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("GRPC_VERBOSITY", "NONE")
    monkeypatch.chdir(tmp_path)
    defaults = {
        "ARC_CACHE_DIR": str(tmp_path / "cache"),
        "ARC_ENDPOINT": "",
        "ARC_METRICS_PORT": "0",
    }

    def run(**env: Optional[str]) -> Report:
        for name, value in {**defaults, **env}.items():
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)
        return Report(doctor.main(["--json"]), capsys.readouterr().out)

    return run


@pytest.fixture(scope="session")
def core(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CoreProcess]:
    with core_process(tmp_path_factory.mktemp("core")) as running:
        yield running
