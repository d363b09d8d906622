"""What a fork waits for, so that neither process finds gRPC in the middle of something."""

from __future__ import annotations

import subprocess
import sys

import pytest

SETTLING = """
import ctypes, sys, threading
import grpc  # without which nothing is waited for
from runtime._telemetry import forks

PR_SET_NAME = 15
ended, named = threading.Event(), threading.Event()

def run():
    ctypes.CDLL(None).prctl(PR_SET_NAME, b"grpc_test", 0, 0, 0)
    named.set()
    ended.wait()

thread = threading.Thread(target=run, daemon=True)
thread.start()
named.wait()
if sys.argv[1] == "ends":
    threading.Timer(0.2, ended.set).start()
forks.settle()
print(thread.is_alive())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="nobody knows the threads of gRPC elsewhere")
@pytest.mark.parametrize("thread", ["ends", "stays"])
def test_fork_waits_for_threads_of_grpc_that_end(thread: str) -> None:
    """Also for 200 ms, as on a busy machine; not for ever for those of an application."""
    done = subprocess.run(
        [sys.executable, "-c", SETTLING, thread], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(thread == "stays")
