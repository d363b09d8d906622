"""`arc replay`, and the endpoint that it asks."""

from __future__ import annotations

import fcntl
import json
import os
import struct
import subprocess
import sys
import termios
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from cli.with_core.conftest import Arc
from core.call_records import HOUR, record
from core.web.served import Served

PATTERN: dict[str, Any] = {
    "name": "cooler",
    "provider": "openai",
    "operation": "chat",
    "pattern": {"temperature": {">": 1}},
    "fix": {"temperature": {"clamp": {"high": 1}}},
}


@pytest.fixture
def key(core: Served, monkeypatch: pytest.MonkeyPatch) -> str:
    """The key of a project with a failing and two healthy calls of two hours ago."""
    secret = core.key(f"p{uuid.uuid4().hex}")
    monkeypatch.setenv("ARC_API_KEY", secret)
    project = core.ask("/api/v1/info", key=secret).json["project"]
    common = {
        "project": project,
        "provider": "openai",
        "operation": "chat",
        "runtime_id": "r1",
        "service": "app",
        "start_time": int(time.time() * 1e6) - 2 * HOUR,
    }
    failed = {"failed": True, "failure_signature": "f1", "error_template": "temperature too high"}
    core.insert(
        record(**common, **failed, request='{"model": "m", "temperature": 2}'),
        record(**common, request='{"model": "m", "temperature": 1.5}'),
        record(**common, request='{"model": "m"}'),
    )
    return secret


@pytest.mark.usefixtures("key")
def test_pattern_of_a_file_is_replayed(arc: Arc, tmp_path: Path) -> None:
    """It says how many calls would have been changed, and which failure they had."""
    file = tmp_path / "cooler.json"
    file.write_text(json.dumps(PATTERN))
    lines = arc("replay", str(file)).lines
    assert ["failed", "1", "1", "1"] in [line.split() for line in lines]
    assert ["healthy", "2", "1", "1"] in [line.split() for line in lines]
    assert ["1", "1", "1", "temperature", "too", "high"] in [line.split() for line in lines]
    # by application and model, and one example of a call that failed and of one that did not
    assert ["app", "m", "1", "1", "2", "1"] in [line.split() for line in lines]
    assert "app, m, failed:" in lines
    assert "  temperature: 2 -> 1" in lines
    assert "app, m, healthy:" in lines
    assert "  temperature: 1.5 -> 1" in lines
    later = arc("replay", "-", "--since", "1h", "--json", stdin=json.dumps(PATTERN)).json
    assert (later["failing"], later["healthy"]) == (0, 0)
    told = arc("replay", "-", "--since", "1h", stdin=json.dumps(PATTERN)).lines
    assert len(told) == 1
    assert told[0].startswith("No call is recorded since ")


def test_pattern_of_the_registry_is_replayed(core: Served, key: str, arc: Arc) -> None:
    assert core.ask("/api/v1/patterns", {"document": PATTERN}, key=key).status in (200, 201)
    assert arc("replay", "cooler", "--json").json["changed_failing"] == 1


def test_unknown_name_is_refused_in_a_sentence(core: Served, key: str, arc: Arc) -> None:
    result = arc("replay", "warmer")
    assert result.code == 1
    assert "warmer" in result.err
    both = core.ask("/api/v1/replay", {"name": "cooler", "document": PATTERN}, key=key)
    assert both.status == 400
    assert core.ask("/api/v1/replay", {"document": {"pattern": {}}}, key=key).status == 422


def test_progress_is_told_while_it_works(core: Served, key: str) -> None:
    """The events end with what the other endpoint answers; a bad pattern is refused before them."""
    events = core.ask("/api/v1/replay/stream", {"document": PATTERN}, key=key).raw.decode()
    names, values = zip(*(each.split("\n") for each in events.strip().split("\n\n")))
    told = [json.loads(each.removeprefix("data: ")) for each in values]
    assert names[-1] == "event: replay"
    assert set(names[:-1]) == {"event: progress"}
    done = [each["done"] for each in told[:-1]]
    assert done == [*range(told[0]["of"])]
    assert len(done) == 3, "a failure, the healthy chat calls, the comparison"
    assert told[-1]["changed_failing"] == told[-1]["changed_healthy"] == 1
    assert core.ask("/api/v1/replay/stream", {"document": {"pattern": {}}}, key=key).status == 422


@pytest.mark.usefixtures("key")
def test_bar_is_on_terminals_alone(arc: Arc, tmp_path: Path) -> None:
    file = tmp_path / "cooler.json"
    file.write_text(json.dumps(PATTERN))
    assert arc("replay", str(file)).err == ""
    ours, terminal = os.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
    command = [sys.executable, "-m", "arc_cli", "replay", str(file)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=terminal, text=True, check=True)
    os.set_blocking(ours, False)
    shown = os.read(ours, 10_000).decode()  # before the terminal is closed, which empties it
    os.close(terminal)
    os.close(ours)
    assert "arc replay:   0%|" in shown
    assert done.stdout.startswith("SINCE ")
