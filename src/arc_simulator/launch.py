"""Runs a simulator as a process of its own, for programs that need one for a while."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_READY = "ready "


@contextmanager
def launch(*arguments: str) -> Iterator[str]:
    """Start a simulator on a free port with more command-line arguments; give its URL.

    It ends with the block. Raises RuntimeError when it ends before it is ready.
    """
    command = [sys.executable, "-m", "arc_simulator", "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if line.startswith(_READY):
                    yield line[len(_READY) :].strip()
                    return
            raise RuntimeError("The simulator ended before it was ready.")
        finally:
            process.terminate()
