"""`arc doctor` as a command: what it looks at, how it tells it, and what it finds in settings."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from arc_cli import doctor, doctor_program
from arc_protocol.version import __version__
from cli.doctor.report import Examine
from core.core_process import CoreProcess
from telemetry.receiver import free_port


def test_everything_is_well_with_a_core(examine: Examine, core: CoreProcess) -> None:
    """All that is looked at is in the report; nothing is left behind on the disk."""
    report = examine(ARC_ENDPOINT=core.grpc_url, ARC_METRICS_PORT=str(free_port()))
    assert (report.code, report.problems, report.warnings) == (0, [], [])
    checks = [each["check"] for each in report.json["findings"]]
    for check in ("settings", "python", "sdk openai", "metrics port", "cache folder", "endpoint"):
        assert check in checks
    for check in ("tcp", "telemetry", "pattern sync", "clock"):
        assert check in checks
    assert f"Arc Core {__version__}, project default" in report.of("pattern sync")[0]
    assert not Path(os.environ["ARC_CACHE_DIR"]).exists()


def test_people_get_lines(examine: Examine, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --json: a word for the level, the check, what was found, and what to do below."""
    examine(ARC_MODE="panic")
    assert doctor.main([]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("PROBLEM   settings        Setting mode") for line in lines)
    assert any(line.startswith("ok        python          Python 3.") for line in lines)
    assert lines[-1] == "1 problem."


def test_bad_settings_are_told_in_their_sentences(examine: Examine, tmp_path: Path) -> None:
    """Each value that cannot be used, those in the file as well; and names that nobody reads."""
    (tmp_path / "pyproject.toml").write_text('[tool.arc]\nmod = "observe"\nlog_level = "LOUD"\n')
    report = examine(ARC_MODE="panic", ARC_METRICS_PORT="many", ARC_ENPOINT="x")
    told = "\n".join(report.of("settings", "problem"))
    for word in ("ARC_MODE", "panic", "ARC_METRICS_PORT", "many", "LOUD", "did you mean mode"):
        assert word in told
    [warned] = report.of("settings", "warning")
    assert "ARC_ENPOINT" in warned
    assert "did you mean ARC_ENDPOINT" in warned
    assert report.code == 1
    assert logging.getLogger("arc").propagate


def test_switched_off(examine: Examine) -> None:
    """Who has forgotten the kill switch learns of it."""
    report = examine(ARC_DISABLE="1")
    assert "ARC_DISABLE" in report.of("settings", "warning")[0]


def test_check_that_fails_is_a_finding(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others go on; a fault of Arc is called one."""
    monkeypatch.setattr(doctor_program, "python", lambda: 1 / 0)
    report = examine()
    assert report.problems == ["python"]
    assert "ZeroDivisionError" in report.of("python")[0]
    assert report.of("endpoint")
