"""The link in whole processes: how they start, fork and end."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, Iterator, List

import pytest

from core_stand_in import Connection, StandIn, cool, pattern_set
from runtime._telemetry import forks

_PRELUDE = """
import os, sys, threading, openai
from runtime import Arc

def call(client=openai.OpenAI(base_url="http://127.0.0.1:9/v1", api_key="k", max_retries=0)):
    try:
        client.chat.completions.create(model="m", messages=[])
    except openai.APIConnectionError:
        pass

def pushed(arc):
    return [p.name for p in arc.patterns() if p.origin.label == "pushed"]

def until(holds, message="never came true"):
    for _ in range(6000):
        if holds():
            return
        threading.Event().wait(0.01)
    sys.exit(message)
"""


@pytest.fixture
def core() -> Iterator[StandIn]:
    with StandIn() as running:
        yield running


_started: List[Any] = []


@pytest.fixture(autouse=True)
def _none_is_left() -> Iterator[None]:
    yield
    while _started:
        with _started.pop() as process:  # closes its pipes
            process.kill()


def run(program: str, core: StandIn, tmp_path: Path, **environ: str) -> Any:
    """Start a program; what it says comes with the end."""
    settings = {
        "ARC_ENDPOINT": core.endpoint,
        "ARC_METRICS_PORT": "0",
        "ARC_CACHE_DIR": str(tmp_path / "cache"),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "PYTHONWARNINGS": "error",
    }
    process = subprocess.Popen(
        [sys.executable, "-c", _PRELUDE + textwrap.dedent(program)],
        env={**os.environ, **settings, **environ},
        cwd=str(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
    )
    _started.append(process)
    return process


def ended_well(process: Any) -> str:
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out + err
    assert "Traceback" not in err, err
    return str(out)


_FORBIDDING = """
    from runtime._telemetry import forks
    forks._BY_SUBPROCESS = True
"""
"""Makes every Python one before 3.10, where a child must not use gRPC after its parent has."""


def welcomed(core: StandIn) -> Connection:
    connection = core.connection(60)
    connection.hello()
    return connection


def test_nothing_of_grpc_is_loaded_by_the_caller(core: StandIn, tmp_path: Path) -> None:
    """`Arc()` returns before gRPC and the wire messages are imported; without endpoint never."""
    program = """
        arc = Arc(endpoint="")
        until(lambda: arc._worker.catch_up(10))
        heavy = ("grpc", "google.protobuf", "platformdirs")
        print([name for name in heavy if name in sys.modules])
    """
    assert ended_well(run(program, core, tmp_path)).strip() == "[]"


def test_program_ends_at_once_with_an_open_stream(core: StandIn, tmp_path: Path) -> None:
    """Neither its exit code nor its output show that there was a link."""
    process = run(
        """
        arc = Arc()
        call()
        until(lambda: pushed(arc) == ["cool"])
        print("done", arc.faults())
        """,
        core,
        tmp_path,
    )
    connection = welcomed(core)
    connection.send(pattern_set=pattern_set(1, cool()))
    assert ended_well(process).strip() == "done {}"
    assert connection.ended.wait(60)


def test_killed_program_leaves_a_file_that_the_next_one_uses(core: StandIn, tmp_path: Path) -> None:
    """What was in force is there again before Core has said a word."""
    process = run("arc = Arc(); call(); threading.Event().wait(60)", core, tmp_path)
    welcomed(core).push(pattern_set(1, cool()))
    process.kill()
    process.communicate()
    core.stop()
    program = """
        arc = Arc()
        until(lambda: pushed(arc) == ["cool"])
        print(arc.link.stale)
    """
    assert ended_well(run(program, core, tmp_path)).strip() == "True"
    core.start()


_INHERITING = """
    arc = Arc()
    call()
    until(lambda: pushed(arc) == ["cool"])
    child = os.fork()
    if not child:
        code = 1
        try:
            if pushed(arc) == ["cool"]:  # before it has said anything itself
                call()
                until(lambda: arc.link.state == "inherited")
                until(lambda: pushed(arc) == ["newer"])
                assert arc.flush(10)
                code = 0
        finally:
            os._exit(code)
    code = os.waitpid(child, 0)[1]
    assert code == 0, code
    print(pushed(arc), arc.faults())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")
def test_child_that_must_not_use_grpc_has_the_patterns_of_its_parent(
    core: StandIn, tmp_path: Path
) -> None:
    """Those in force at the fork, and what its parent, which makes no more calls, gets later."""
    process = run(_FORBIDDING + _INHERITING, core, tmp_path, PYTHONWARNINGS="default")
    first = core.connection(60)
    parent = first.hello()
    first.send(pattern_set=pattern_set(1, cool()))
    assert first.ended.wait(60)  # before the fork
    second = core.connection(60)
    assert second.hello().runtime_id == parent.runtime_id
    second.send(pattern_set=pattern_set(2, cool("newer")))
    assert ended_well(process).strip() == "['newer'] {}"


_FORKING = """
    arc = Arc()
    call()
    until(lambda: pushed(arc) == ["cool"])
    child = os.fork()
    if not child:
        code = 1
        try:
            if pushed(arc) == ["cool"]:  # before it has said anything itself
                call()
                until(lambda: arc.link.state == "connected")
                until(lambda: pushed(arc) == ["of-the-child"])
                code = 0
        finally:
            os._exit(code)
    code = os.waitpid(child, 0)[1]
    assert code == 0, code
    call()
    until(lambda: arc.link.state == "connected")
    until(lambda: pushed(arc) == ["of-the-parent"])
    print(arc.faults())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")
@pytest.mark.skipif(not forks.are_survived(), reason="this gRPC does not survive a fork")
def test_parent_and_child_are_two_runtimes(core: StandIn, tmp_path: Path) -> None:
    """A child keeps the patterns, and both are linked again with their next call."""
    process = run(_FORKING, core, tmp_path, PYTHONWARNINGS="default")
    first = core.connection(60)
    parent = first.hello()
    first.send(pattern_set=pattern_set(1, cool()))
    assert first.ended.wait(60)  # before the fork
    second = core.connection(60)
    child = second.hello()
    assert child.runtime_id != parent.runtime_id
    assert child.pid != parent.pid
    assert child.have.version == 1
    second.send(pattern_set=pattern_set(2, cool("of-the-child")))
    third = core.connection(60)
    assert third.hello().runtime_id == parent.runtime_id
    third.send(pattern_set=pattern_set(3, cool("of-the-parent")))
    assert ended_well(process).strip() == "{}"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")
def test_where_grpc_does_not_survive_forks_the_first_call_opens_the_link(
    core: StandIn, tmp_path: Path
) -> None:
    """A pre-forking server that makes no calls itself has then never used gRPC."""
    program = """
        arc = Arc()
        until(lambda: arc.link.state == "waiting")
        until(lambda: arc._worker.catch_up(10))
        assert "grpc" not in sys.modules
        child = os.fork()
        if not child:
            code = 1
            try:
                call()
                until(lambda: pushed(arc) == ["cool"])
                code = 0
            finally:
                os._exit(code)
        assert os.waitpid(child, 0)[1] == 0
        print(arc.link.state, "grpc" in sys.modules)
    """
    process = run(program, core, tmp_path, GRPC_ENABLE_FORK_SUPPORT="0", PYTHONWARNINGS="default")
    connection = welcomed(core)
    connection.send(pattern_set=pattern_set(1, cool()))
    assert ended_well(process).strip() == "off False"
