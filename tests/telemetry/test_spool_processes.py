"""Telemetry outlives processes: killed, ended, forked, several at a time; with real receivers."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterator, List

import pytest

from telemetry.receiver import Gate, Receiver, free_port, hang
from waiting import wait_until

APPLICATION = """
import sys
import openai
from runtime import Arc

arc = Arc()
with openai.OpenAI(base_url=sys.argv[1], api_key="k") as client:
    for _ in range(int(sys.argv[2])):
        client.chat.completions.create(
            model="gpt-4.1", messages=[{"role": "user", "content": "the secret word"}]
        )
if sys.argv[3] == "stay":
    sys.stdin.read()
"""
EXPORTER = """
import os, sys, threading
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from runtime import _endpoint
from runtime._telemetry import forks
from runtime._telemetry.otlp import Exporter
from runtime._telemetry.spool import Spool

endpoint = _endpoint.parse(sys.argv[1])
wake = threading.Event()

def exporter():
    spool = Spool.of(endpoint, None, os.environ["ARC_CACHE_DIR"], print)
    made = Exporter(
        endpoint, resource=Resource(), drops=print, spool=spool, wake=wake.set, jitter=lambda: 0.1
    )
    for _ in range(int(sys.argv[2])):
        made.add(Span(name="x" * 1000, span_id=os.urandom(8)))
    return made

ours = exporter()
if sys.argv[3] == "fork":
    ours.pump()
    ours.suspend()
    forks.settle()
    if os.fork() == 0:
        ours = exporter()
while True:
    delay_s = ours.pump()
    wake.wait(min(delay_s, 0.1))
    wake.clear()
"""


class Machine:
    """A cache folder and the processes that share it."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.folder = folder
        self._started: List[subprocess.Popen[bytes]] = []

    def start(self, program: str, *arguments: str, **env: str) -> subprocess.Popen[bytes]:
        settings = {
            "ARC_ENDPOINT": f"grpc://localhost:{self.port}",
            "ARC_CACHE_DIR": str(self.folder),
            "ARC_METRICS_PORT": "0",
            **env,
        }
        process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            env={**os.environ, **settings},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._started.append(process)
        return process

    def export(self, spans: int, how: str = "") -> subprocess.Popen[bytes]:
        return self.start(EXPORTER, f"grpc://localhost:{self.port}", str(spans), how)

    def receiver(self) -> Receiver:
        return Receiver(port=self.port)

    @property
    def files(self) -> List[Path]:
        return sorted(self.folder.glob("spool/*/*.otlp"))

    @property
    def spans(self) -> int:
        """How many are on disk."""
        return sum(int(path.name.split("-")[3]) for path in self.files)

    def end(self) -> None:
        for process in self._started:
            with contextlib.suppress(ProcessLookupError):  # also those that it has forked
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    made.end()


def ids(receiver: Receiver) -> List[bytes]:
    return [span.span_id for span in receiver.spans]


def test_killed_application_loses_nothing(machine: Machine, space: Any) -> None:
    """Calls while the receiver is away, kill -9, the receiver comes: a new process delivers all."""
    killed = machine.start(APPLICATION, space.base_url, "5", "stay")
    wait_until(lambda: machine.spans == 5, 60)
    killed.kill()
    killed.wait()
    with machine.receiver() as receiver:
        machine.start(APPLICATION, space.base_url, "0", "stay")
        receiver.wait_for_spans(5, 60)
        wait_until(lambda: machine.files == [], 60)
        assert len(ids(receiver)) == len(set(ids(receiver))) == 5


def test_end_of_the_application_leaves_what_could_not_be_delivered(
    machine: Machine, space: Any
) -> None:
    """A receiver that hangs: the same spans, known by their ids, come from the next process."""
    with machine.receiver() as receiver:
        receiver.answer = hang
        ending = machine.start(APPLICATION, space.base_url, "3", "stay", ARC_SHUTDOWN_TIMEOUT="0.2")
        receiver.wait_for_requests(1, 60)
        assert machine.files == []
        ending.communicate(timeout=30)
        assert ending.returncode == 0
        assert machine.spans == 3
        sent = {span.span_id for request in receiver.requests for span in request.spans}
    with machine.receiver() as receiver:
        machine.start(APPLICATION, space.base_url, "0", "stay")
        receiver.wait_for_spans(3, 60)
        assert sent <= set(ids(receiver))
        assert len(ids(receiver)) == 3


def test_content_that_is_not_captured_never_reaches_the_disk(machine: Machine, space: Any) -> None:
    """What would not be sent is not written either; what would be, is for this user alone."""
    for capture in ("1", "0"):
        application = machine.start(
            APPLICATION, space.base_url, "1", "end", ARC_CAPTURE_CONTENT=capture
        )
        assert application.wait(30) == 0
    assert machine.spans == 2
    with_content, without = machine.files
    assert b"secret word" in with_content.read_bytes()
    assert b"secret word" not in without.read_bytes()


def test_switched_off(machine: Machine, space: Any) -> None:
    """ARC_SPOOL=0: nothing is on the disk, whatever happens."""
    application = machine.start(APPLICATION, space.base_url, "1", "end", ARC_SPOOL="0")
    assert application.wait(30) == 0
    assert not (machine.folder / "spool").exists()


def test_processes_share_without_losing_or_doubling(machine: Machine) -> None:
    """Some live, some are killed: each span comes once, whoever delivers it."""
    processes = [machine.export(50) for _ in range(4)]
    wait_until(lambda: machine.spans == 200, 60)
    for process in processes[:2]:
        process.kill()
        process.wait()
    with machine.receiver() as receiver:
        receiver.wait_for_spans(200, 60)
        wait_until(lambda: machine.files == [], 60)
        assert len(set(ids(receiver))) == len(ids(receiver)) == 200


def test_process_killed_in_the_middle_of_delivery(machine: Machine) -> None:
    """What it was sending stays on disk until a receiver has taken it."""
    first = machine.export(30)
    wait_until(lambda: machine.spans == 30, 60)
    with machine.receiver() as receiver:
        receiver.answer = Gate()
        receiver.wait_for_requests(1, 60)
        first.kill()
        first.wait()
    with machine.receiver() as receiver:
        machine.export(0)
        receiver.wait_for_spans(30, 60)
        assert len(set(ids(receiver))) == 30


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")
def test_forked_processes(machine: Machine) -> None:
    """Parent and child each have their own files, and deliver one after the other."""
    machine.export(20, "fork")
    wait_until(lambda: machine.spans == 40, 60)
    with machine.receiver() as receiver:
        receiver.wait_for_spans(40, 60)
        wait_until(lambda: machine.files == [], 60)
        assert len(set(ids(receiver))) == len(ids(receiver)) == 40
