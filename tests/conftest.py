"""The provider simulator that tests share, and a space of it for each test."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import uuid
from pathlib import Path
from typing import Iterator

import pytest

from simulator_client import Simulator, Space


def _keep_grpc_out_of_subprocesses() -> None:
    """Have gRPC register no handlers for forks in this process; what it starts is as ever.

    Before Python 3.10 `subprocess` forks, and the handlers then run in each child before it is a
    program: one in a thousand waits there for ever.
    """
    import grpc

    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
    grpc.insecure_channel("localhost:1").close()  # the first use reads the variable
    del os.environ["GRPC_ENABLE_FORK_SUPPORT"]


if sys.version_info < (3, 10):
    _keep_grpc_out_of_subprocesses()

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # as of what shells start in the background; programs under test would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)

_SOURCES = Path(__file__).parent.parent / "src"
_READY_WITHIN_S = 30


@pytest.fixture(scope="session", autouse=True)
def _nothing_in_the_users_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    os.environ["ARC_CACHE_DIR"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(autouse=True)
def _the_logger_as_it_was() -> Iterator[None]:
    """An Arc in this process sets the level of its logger, which would outlive its test."""
    logger = logging.getLogger("arc")
    level, handlers = logger.level, list(logger.handlers)
    yield
    logger.setLevel(level)
    logger.handlers[:] = handlers


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    """A simulator: the one at the URL in ARC_TEST_SIMULATOR, or one of our own."""
    url = os.environ.get("ARC_TEST_SIMULATOR")
    if url:
        yield Simulator(url)
        return
    command = [
        os.environ.get("ARC_TEST_SIMULATOR_PYTHON") or sys.executable,
        *("-m", "arc_simulator", "--port", "0"),
    ]
    environment = {**os.environ, "PYTHONPATH": str(_SOURCES)}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, universal_newlines=True
    ) as process:
        try:
            yield Simulator(_ready(process))
        finally:
            process.terminate()


@pytest.fixture
def space(simulator: Simulator) -> Iterator[Space]:
    """A fresh space."""
    made = simulator.space(uuid.uuid4().hex)
    yield made
    made.reset()


def _ready(process: subprocess.Popen[str]) -> str:
    deadline = threading.Timer(_READY_WITHIN_S, process.kill)
    deadline.start()
    try:
        for line in process.stdout or ():
            word, _, url = line.partition(" ")
            if word == "ready":
                return url.strip()
    finally:
        deadline.cancel()
    raise RuntimeError("The simulator ended before it was ready.")
