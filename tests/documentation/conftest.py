"""What users copy from the documentation, run as they would run it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterator

import pytest

from telemetry.receiver import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


class Shell:
    """A user's folder and environment, with a simulator in the place of OpenAI."""

    def __init__(self, folder: Path, space: Any, receiver: Receiver) -> None:
        self.folder = folder
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ARC_")},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            # a busy machine takes longer to deliver at the end than users would wait
            "ARC_SHUTDOWN_TIMEOUT": "20",
            "OPENAI_API_KEY": "sk-simulated",
            "OPENAI_BASE_URL": space.base_url,
            "ARC_CACHE_DIR": str(folder / "cache"),
            "ARC_ENDPOINT": receiver.endpoint,
            "ARC_METRICS_PORT": "0",
        }

    def python(self, program: str, *flags: str, **env: str) -> str:
        """Run a program; return what it printed. One that ends with an error fails the test."""
        (self.folder / "program.py").write_text(program, "utf-8")
        return self.run(sys.executable, "-W", "error", *flags, "program.py", **env).stdout

    def run(self, *command: str, **env: str) -> Any:
        """Run a command."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**self.env, **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done


@pytest.fixture
def shell(tmp_path: Path, space: Any, receiver: Receiver) -> Shell:
    return Shell(tmp_path, space, receiver)
