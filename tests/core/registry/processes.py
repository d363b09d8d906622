"""Real processes that use a registry."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WORKER = Path(__file__).with_name("worker.py")


@contextmanager
def workers(url: str, work: str, names: list[str]) -> Iterator[list[subprocess.Popen[str]]]:
    """Start a process for each name; when all are ready, let them go. Kills what is left."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "error", str(WORKER), url, work, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in names
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n", process.communicate()
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def finished(processes: list[subprocess.Popen[str]]) -> list[str]:
    """Wait for the processes; return what each said, or fail with what one complained of."""
    said = []
    for process in processes:
        output, complaint = process.communicate(timeout=60)
        assert process.returncode == 0, complaint
        said.append(output)
    return said
