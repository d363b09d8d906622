"""Arc Core as a process of its own, for tests."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from waiting import wait_until

READY = re.compile(r"(grpcs?://\S+:\d+) .*?\n.*?(https?://\S+:\d+)/api/v1", re.DOTALL)


class CoreProcess:
    """A Core that is ready."""

    def __init__(self, process: subprocess.Popen[str], banner: str, log: Path) -> None:
        self.process = process
        self.banner = banner
        self._log = log
        found = READY.search(banner)
        assert found, banner
        self.grpc_url, self.http_url = found.groups()

    @property
    def address(self) -> str:
        """Host and port of gRPC."""
        return self.grpc_url.partition("://")[2]

    @property
    def log(self) -> str:
        """What it has written to its log so far."""
        return self._log.read_text("utf-8", "replace")

    def wait_for_log(self, words: str) -> None:
        """Wait until its log has them: what a client is told may be ahead of the log's line."""
        wait_until(lambda: words in self.log)

    def terminate(self) -> tuple[int, str]:
        """Ask it to end; return the exit code and what it wrote to the log."""
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=30)
        return self.process.returncode, self.log

    def kill(self) -> None:
        """End it with no warning."""
        self.process.kill()
        self.process.communicate(timeout=30)


def run(*arguments: str, timeout_s: float = 30) -> subprocess.CompletedProcess[str]:
    """Run `arc core` to its end, for starts that are refused."""
    return subprocess.run(
        [sys.executable, "-m", "arc_cli", "core", *arguments],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


@contextmanager
def core(data: Path, *arguments: str, ports: tuple[int, int] = (0, 0)) -> Iterator[CoreProcess]:
    """Start a Core on these ports (gRPC, HTTP); it is killed at the end if it still runs."""
    port, http_port = map(str, ports)
    command = [sys.executable, "-m", "arc_cli", "core", "--data", str(data)]
    # to a file: a pipe that nobody reads would hold up a Core that has much to say
    descriptor, name = tempfile.mkstemp(prefix="arc-core-", suffix=".log")
    log = Path(name)
    with open(descriptor, "wb") as written:
        process = subprocess.Popen(
            [*command, "--port", port, "--http-port", http_port, *arguments],
            stdout=subprocess.PIPE,
            stderr=written,
            text=True,
        )
    assert process.stdout is not None
    try:
        banner = ""
        for line in process.stdout:
            banner += line
            if line.startswith("  next "):
                break
        else:
            raise RuntimeError(f"Core did not start: {log.read_text('utf-8', 'replace')}")
        yield CoreProcess(process, banner, log)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()
        log.unlink()
