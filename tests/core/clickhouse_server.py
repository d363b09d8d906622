"""A real ClickHouse server for tests, from the engine that chdb-core carries. Loopback only.

It has no users and no passwords, and the entry that makes it listen is private to chdb-core: for
tests alone. Use `clickhouse_server(folder)`; run as a program it is the server.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

READY_S = 60
CONFIG = """
<clickhouse>
 <listen_host>127.0.0.1</listen_host>
 <http_port>{http_port}</http_port>
 <max_server_memory_usage>1500000000</max_server_memory_usage>
 <mark_cache_size>67108864</mark_cache_size>
</clickhouse>
"""
LISTEN = """
SYSTEM START LISTEN HTTP;
SELECT sleepEachRow(1) FROM numbers(86400)
SETTINGS max_block_size = 1, function_sleep_max_microseconds_per_block = 0, max_execution_time = 0
FORMAT Null
"""


@dataclass
class ClickHouseServer:
    """A server with its data in a folder; it can be killed and started again."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    def url(self, database: str) -> str:
        return f"clickhouse://127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        (self.folder / "config.xml").write_text(CONFIG.format(http_port=self.port))
        self.process = subprocess.Popen(
            [sys.executable, __file__],
            cwd=self.folder,
            stdin=subprocess.PIPE,  # the server ends when this process does
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + READY_S
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the ClickHouse server in {self.folder} did not start")
            time.sleep(0.05)

    def kill(self) -> None:
        """End it as a power cut would end the process: at once."""
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/ping", timeout=5) as reply:
                return bool(reply.status == 200)
        except OSError:
            return False


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextlib.contextmanager
def clickhouse_server(folder: Path) -> Iterator[ClickHouseServer]:
    """Run a server with its data in `folder`."""
    server = ClickHouseServer(folder, free_port())
    server.start()
    try:
        yield server
    finally:
        server.kill()


def _serve() -> None:
    folder = os.getcwd()  # importing the engine may change it; config.xml is looked for there
    from chdb import _chdb

    os.chdir(folder)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # TabSeparated becomes the default format of answers, as clickhouse-connect expects it
    _chdb.query(LISTEN, "TabSeparated", path=f"{folder}/data")


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    _serve()
