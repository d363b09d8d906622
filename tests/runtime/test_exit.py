"""What a program is told when it ends before its telemetry has gone anywhere."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any, Callable, Tuple

import openai
import pytest

from runtime import Arc
from runtime_shapes import RISKY
from telemetry.receiver import Receiver, free_port, hang

SHORT = """
import atexit
import sys
import threading
from importlib.machinery import PathFinder
from urllib.request import urlopen


class SlowDisk:
    def find_spec(self, name, path=None, target=None):
        if name != sys.argv[2]:
            return None
        spec = PathFinder.find_spec(name, path, target)
        spec.loader = self
        return spec

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        threading.Event().wait()


sys.meta_path.insert(0, SlowDisk())

import openai
from runtime import Arc

arc = None
atexit.register(lambda: arc.metrics_url and print(urlopen(arc.metrics_url).read().decode()))
arc = Arc()
with openai.OpenAI(base_url=sys.argv[1], api_key="k") as client:
    for _ in range(3):
        client.chat.completions.create(
            model="gpt-4.1", messages=[{"role": "user", "content": "Hi"}]
        )
sys.stdin.read()
"""


def end(
    space: Any, slow_import: str = "", *, when: Callable[[], Any] = lambda: None, **env: str
) -> Tuple[str, str]:
    """Run the program to its end, after `when`; return what it said, and its last metrics."""
    with subprocess.Popen(
        [sys.executable, "-c", SHORT, space.base_url, slow_import],
        env={**os.environ, "ARC_METRICS_PORT": "0", "ARC_SHUTDOWN_TIMEOUT": "0.2", **env},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as program:
        try:
            when()
            metrics, told = program.communicate(timeout=60)
        finally:
            program.kill()
    assert program.returncode == 0, told
    assert len(space.requests()) == 3
    return told.decode(), metrics.decode()


@pytest.mark.parametrize("module", ["opentelemetry.proto.resource.v1.resource_pb2", "grpc"])
def test_calls_are_lost_with_a_word_while_the_worker_imports(
    receiver: Receiver, space: Any, module: str
) -> None:
    """A cold disk may take longer to load gRPC than a short program lives."""
    port = str(free_port())
    told, metrics = end(space, module, ARC_ENDPOINT=receiver.endpoint, ARC_METRICS_PORT=port)
    assert told.count("lost") == 1
    assert "Telemetry of 3 calls is lost" in told
    assert "ARC_SHUTDOWN_TIMEOUT (now 0.2)" in told
    assert 'arc_telemetry_dropped_total{reason="shutdown"} 3.0' in metrics


def test_calls_are_lost_with_a_word_where_nothing_may_be_kept(
    receiver: Receiver, space: Any
) -> None:
    """The receiver hangs, and the disk is not to be used."""
    receiver.answer = hang
    told, _ = end(space, ARC_ENDPOINT=receiver.endpoint, ARC_SPOOL="0")
    assert "Telemetry of 3 calls is lost" in told


def test_calls_that_are_kept_are_not_lost(receiver: Receiver, space: Any) -> None:
    """They are on disk for the next program, as soon as there has been time to import gRPC."""
    receiver.answer = hang
    told, _ = end(
        space, when=lambda: receiver.wait_for_requests(1, 60), ARC_ENDPOINT=receiver.endpoint
    )
    assert "lost" not in told


def test_who_has_named_no_receiver_is_not_told_of_losses(space: Any) -> None:
    """Nobody listens at the default address, as on most machines."""
    assert "lost" not in end(space)[0]


def test_shutdown_tells_of_losses(start: Any, client: openai.OpenAI, caplog: Any) -> None:
    """A program that goes on after Arc was shut down."""
    endpoint = f"grpc://localhost:{free_port()}"
    arc: Arc = start(endpoint=endpoint, spool=False, shutdown_timeout=0.2)
    client.chat.completions.create(**RISKY)
    arc.shutdown()
    assert "Telemetry of 1 call is lost" in caplog.text
