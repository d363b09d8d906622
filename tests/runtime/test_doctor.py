"""`arc doctor` on the base install, with every Python and SDK of the matrix."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from telemetry.receiver import Receiver

ARC = str(Path(sys.executable).parent / "arc")


def test_doctor_finds_nothing_wrong_here(receiver: Receiver, tmp_path: Path) -> None:
    """The SDK's calls are intercepted, the version is known, and a receiver is reached."""
    env = {**os.environ, "ARC_ENDPOINT": receiver.endpoint, "ARC_METRICS_PORT": "0"}
    done = subprocess.run(
        [ARC, "doctor", "--json"], cwd=tmp_path, env=env, capture_output=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, b""), done.stdout
    levels = {each["check"]: each["level"] for each in json.loads(done.stdout)["findings"]}
    for check in ("settings", "python", "sdk openai", "cache folder", "tcp", "telemetry"):
        assert levels[check] == "ok"
