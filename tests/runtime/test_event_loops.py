"""Arc in programs that run on other event loops than asyncio's, or on greenlets."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from importlib import metadata
from typing import Any, Iterator, List

import grpc
import pytest

from telemetry.receiver import Receiver, free_port

LOOPS = ["asyncio", "uvloop", "trio", "gevent"]

# makes calls by two tasks at the same time, says so, and ends without a word to Arc
PROGRAM = """
import sys
loop, base_url = sys.argv[1:]
if loop == "gevent":
    from gevent import monkey
    monkey.patch_all()
from runtime import Arc
arc = Arc()
import openai
request = dict(model="gpt-4.1", temperature=0.95, messages=[{"role": "user", "content": "x"}])
texts = []

async def whole(client):
    texts.append((await client.chat.completions.create(**request)).choices[0].message.content)

async def streamed(client):
    stream = await client.chat.completions.create(**request, stream=True)
    texts.append("".join([c.choices[0].delta.content or "" async for c in stream if c.choices]))

async def on_asyncio():
    import asyncio
    async with openai.AsyncOpenAI(base_url=base_url, api_key="k") as client:
        await asyncio.gather(whole(client), streamed(client))

async def on_trio():
    import anyio
    async with openai.AsyncOpenAI(base_url=base_url, api_key="k") as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(whole, client)
            tasks.start_soon(streamed, client)

def on_gevent():
    import gevent
    client = openai.OpenAI(base_url=base_url, api_key="k")
    def call(streamed):
        reply = client.chat.completions.create(**request, stream=streamed)
        texts.append("".join(c.choices[0].delta.content or "" for c in reply if c.choices)
                     if streamed else reply.choices[0].message.content)
    gevent.joinall([gevent.spawn(call, False), gevent.spawn(call, True)], raise_error=True)

def run():
    if loop == "asyncio":
        import asyncio
        asyncio.run(on_asyncio())
    elif loop == "uvloop":
        import uvloop
        uvloop.run(on_asyncio())
    elif loop == "trio":
        import anyio
        anyio.run(on_trio, backend="trio")
    else:
        on_gevent()

def wait():
    if loop == "gevent":
        import gevent
        gevent.get_hub().threadpool.apply(sys.stdin.readline)  # greenlets go on
    else:
        sys.stdin.readline()

run()
# the telemetry of the first calls is under way, perhaps with nobody who takes it
print("first", flush=True)
wait()
run()
print(*texts, sep="|", flush=True)
wait()
"""
TEXT = "Hello! How can I help you today?"


class Program:
    """The program, in a process of its own."""

    def __init__(self, loop: str, base_url: str, endpoint: str, *, ends_within_s: float) -> None:
        pytest.importorskip(loop)
        if loop == "trio" and metadata.version("anyio").startswith("3."):
            pytest.skip("anyio 3 does not know the trio that is here")
        environment = {**os.environ, "ARC_ENDPOINT": endpoint, "ARC_METRICS_PORT": "0"}
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, loop, base_url],
            env={**environment, "ARC_SHUTDOWN_TIMEOUT": str(ends_within_s)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._deadline = threading.Timer(60, self._process.kill)
        self._deadline.start()

    def line(self) -> str:
        """Return the next line that it prints."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def go_on(self) -> None:
        """Let it take its next step."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def end(self) -> str:
        """Let it end; return what it wrote to stderr. A program that hangs is killed and fails."""
        _, errors = self._process.communicate("\n")
        assert self._process.returncode == 0, errors
        return errors

    def close(self) -> None:
        """Leave nothing behind."""
        self._deadline.cancel()
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def programs() -> Iterator[List[Program]]:
    started: List[Program] = []
    yield started
    for program in started:
        program.close()


@pytest.mark.parametrize("loop", LOOPS)
def test_calls_are_fixed_and_telemetry_is_delivered(
    loop: str, programs: List[Program], receiver: Receiver, space: Any
) -> None:
    """Tasks that run at the same time are all fixed; their spans arrive before the end."""
    program = Program(loop, space.base_url, receiver.endpoint, ends_within_s=20)
    programs.append(program)
    assert program.line() == "first"
    program.go_on()
    assert program.line() == "|".join([TEXT] * 4)
    assert "stepped aside" not in program.end()
    assert [request["json"]["temperature"] for request in space.requests()] == [0.7] * 4
    assert len(receiver.spans) == 4


@pytest.mark.parametrize("loop", LOOPS)
def test_receiver_that_hangs_stops_nothing(
    loop: str, programs: List[Program], receiver: Receiver, space: Any
) -> None:
    """Calls go on while a request to the receiver waits, and the program ends."""
    contexts: List[Any] = []
    over = threading.Event()

    def wait(_: Any, context: Any) -> Any:
        contexts.append(context)
        over.wait(60)
        context.abort(grpc.StatusCode.CANCELLED, "over")

    receiver.answer = wait
    program = Program(loop, space.base_url, receiver.endpoint, ends_within_s=0.5)
    programs.append(program)
    try:
        assert program.line() == "first"
        receiver.wait_for_requests(1)
        program.go_on()
        assert program.line() == "|".join([TEXT] * 4)
        # the SDK may fork meanwhile to learn its platform, which ends the request before its time
        assert contexts[0].time_remaining() > 0, "the calls waited until the time was over"
        assert "stepped aside" not in program.end()
    finally:
        over.set()


@pytest.mark.parametrize("loop", LOOPS)
def test_absent_receiver_stops_nothing(loop: str, programs: List[Program], space: Any) -> None:
    """The program runs to its end, and is told once."""
    endpoint = f"grpc://localhost:{free_port()}"
    program = Program(loop, space.base_url, endpoint, ends_within_s=20)
    programs.append(program)
    assert program.line() == "first"
    program.go_on()
    assert program.line() == "|".join([TEXT] * 4)
    assert program.end().count("is not reachable: nobody listens there") == 1
