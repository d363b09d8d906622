"""How fast a change of the patterns reaches many Runtimes, and how they come back after a restart.

`python -m benchmarks pattern_push`; ARC_BENCH_STREAMS (1000) is how many. Core runs in a process of
its own, over a registry in SQLite; the Runtimes are bare streams with a connection each, which
answer every set at once without compiling it, so that what is measured is Core.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List, Optional

import grpc

from arc_protocol.wire import pattern_sync
from arc_protocol.wire.sync_pb2 import Applied, FromCore, FromRuntime, Hello, SetId

STREAMS = int(os.environ.get("ARC_BENCH_STREAMS", "1000"))
CHANGES = 10
STEADY_S = 20.0  # the period of heartbeats
_PATH = f"/{pattern_sync.SERVICE}/{pattern_sync.SYNC}"
_OPTIONS = [
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_receive_message_length", pattern_sync.MAX_SET_BYTES),
]


def main() -> None:
    """Print the figures."""
    wanted = 4 * STREAMS + 200
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, most), most))
    asyncio.run(_measure())


async def _measure() -> None:
    with tempfile.TemporaryDirectory() as folder:
        core = await _Core.start(Path(folder), port=0)
        runtimes = [_Runtime(number, core.port) for number in range(STREAMS)]
        started_at = time.monotonic()
        tasks = [asyncio.create_task(each.live()) for each in runtimes]
        while await core.ask("settled") < STREAMS:
            await asyncio.sleep(0.02)
        print(f"{STREAMS} streams connected in {time.monotonic() - started_at:.1f} s")
        steady = await core.cpu_share()
        for patterns in (1, 100, 1000):
            await _push(core, patterns)
        for how in (signal.SIGTERM, signal.SIGKILL):
            core = await _restart(core, Path(folder), runtimes, how)
        after = await core.cpu_share()
        print(f"CPU of Core: idle {steady:.1%} of a core at first, {after:.1%} after the restarts")
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await core.end(signal.SIGTERM)


async def _push(core: _Core, patterns: int) -> None:
    await core.ask(f"fill {patterns}")
    times: List[List[float]] = [await core.ask("change") for _ in range(CHANGES)]
    p99s = sorted(each[int(len(each) * 0.99)] for each in times)
    last = sorted(each[-1] for each in times)
    print(
        f"change of a set of {patterns:4} patterns, until Core has the answers: "
        f"P99 {p99s[len(p99s) // 2]:.2f} s (worst {p99s[-1]:.2f}), "
        f"all {last[len(last) // 2]:.2f} s (worst {last[-1]:.2f}); "
        f"peak memory of Core {await core.ask('memory'):.0f} MB"
    )


async def _restart(
    core: _Core, folder: Path, runtimes: List[_Runtime], how: signal.Signals
) -> _Core:
    streams = sum(each.streams for each in runtimes)
    whole = sum(each.whole for each in runtimes)
    started_at = time.monotonic()
    await core.end(how)
    down_at = time.monotonic()
    core = await _Core.start(folder, port=core.port)
    up_at = time.monotonic()
    while await core.ask("settled") < STREAMS:
        await asyncio.sleep(0.05)
    print(
        f"{how.name}: down after {down_at - started_at:.1f} s, up {up_at - down_at:.1f} s later, "
        f"all back {time.monotonic() - up_at:.1f} s after that; "
        f"{sum(each.streams for each in runtimes) - streams} streams opened, "
        f"{sum(each.whole for each in runtimes) - whole} sets sent again, "
        f"{await core.ask('cpu'):.1f} s of CPU"
    )
    return core


class _Runtime:
    """A Runtime that does nothing but to answer."""

    def __init__(self, number: int, port: int) -> None:
        self._id = f"runtime-{number}"
        self._address = f"127.0.0.1:{port}"
        self.has = SetId()
        self.streams = 0
        self.whole = 0

    async def live(self) -> None:
        """Stay connected, as a Runtime does."""
        failures = 0
        while True:
            asked_s: Optional[float] = None
            self.streams += 1
            try:
                async with grpc.aio.insecure_channel(self._address, options=_OPTIONS) as channel:
                    call = channel.stream_stream(_PATH)()
                    hello = Hello(runtime_id=self._id, have=self.has, policy="safe")
                    await call.write(FromRuntime(hello=hello).SerializeToString())
                    async for raw in call:
                        failures = 0
                        asked_s = await self._answer(call, FromCore.FromString(raw))
            except grpc.aio.AioRpcError:
                pass
            if asked_s is None:
                asked_s = random.random() * min(60.0, 2.0**failures)
                failures += 1
            await asyncio.sleep(asked_s * (1 + 0.5 * random.random()))

    async def _answer(self, call: Any, message: FromCore) -> Optional[float]:
        kind = message.WhichOneof("message")
        if kind == "goodbye":
            return message.goodbye.retry_after_ms / 1000
        if kind in ("pattern_set", "current"):
            self.has = getattr(message, kind).set
            self.whole += kind == "pattern_set"
            answer = FromRuntime(applied=Applied(set=self.has))
            await call.write(answer.SerializeToString())
        return None


class _Core:
    """The process with the service, told what to do line by line."""

    def __init__(self, process: Any, port: int) -> None:
        self._process = process
        self.port = port

    @classmethod
    async def start(cls, folder: Path, port: int) -> _Core:
        """Start it and wait until it listens."""
        code = (
            f"import sys; sys.path[:0] = {[path for path in sys.path if path]!r}; "
            f"from benchmarks import pattern_push; pattern_push.core({str(folder)!r}, {port})"
        )
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", code),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            limit=1 << 24,
        )
        assert process.stdout is not None
        return cls(process, json.loads(await process.stdout.readline()))

    async def ask(self, line: str) -> Any:
        """Say something and return the answer."""
        self._process.stdin.write(line.encode() + b"\n")
        return json.loads(await self._process.stdout.readline())

    async def cpu_share(self) -> float:
        """Return the share of a core that it takes while nothing changes."""
        await asyncio.sleep(2)  # what went before is over
        before = await self.ask("cpu")
        await asyncio.sleep(STEADY_S)
        share: float = (await self.ask("cpu") - before) / STEADY_S
        return share

    async def end(self, how: signal.Signals) -> None:
        """End it and wait until it has ended."""
        self._process.send_signal(how)
        await self._process.wait()


def core(folder: str, port: int) -> None:
    """Be the process with the service."""
    asyncio.run(_serve(folder, port))


async def _serve(folder: str, port: int) -> None:
    from arc_core.access import Gate
    from arc_core.registry.registry import Registry
    from arc_core.sync import PatternSync

    registry = Registry.open(f"sqlite:///{folder}/registry.db")
    service = PatternSync(registry, Gate(registry, demand_key=False))
    acknowledged: Dict[str, int] = {}
    times: List[float] = []
    note = service._recorder.note

    def counted(sighting: Any) -> None:
        if acknowledged.get(sighting.runtime_id) != sighting.set_version:
            acknowledged[sighting.runtime_id] = sighting.set_version
            times.append(time.monotonic())
        note(sighting)

    service._recorder.note = counted  # type: ignore[method-assign]
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((service.handler,))
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    print(json.dumps(bound), flush=True)

    async def change() -> List[float]:
        times.clear()
        started_at = time.monotonic()
        document = _document(0, value=random.random())
        await asyncio.to_thread(registry.add_pattern, "default", document, author="benchmark")
        while len(times) < service.connected:
            await asyncio.sleep(0.005)
        return sorted(at - started_at for at in times)

    async def answer(line: str) -> Any:
        word, _, rest = line.partition(" ")
        if word == "fill":
            documents = [_document(number, value=0.5) for number in range(int(rest))]
            await asyncio.to_thread(
                registry.import_patterns, "default", documents, author="benchmark"
            )
            await change()
        values = {
            "change": change,
            "settled": lambda: service.connected,
            "cpu": time.process_time,
            "memory": lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "fill": lambda: None,
        }
        value = values[word]()
        return await value if asyncio.iscoroutine(value) else value

    async def listen() -> None:
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := (await reader.readline()).decode().strip():
            print(json.dumps(await answer(line)), flush=True)

    listening = asyncio.create_task(listen())
    await over.wait()
    listening.cancel()
    await service.drain()
    await server.stop(1)
    await service.close()
    registry.close()


def _document(number: int, *, value: float) -> Dict[str, Any]:
    return {
        "name": f"pattern-{number}",
        "provider": "openai",
        "pattern": {"model": f"model-{number}", "temperature": {">": 0.9}},
        "fix": {"temperature": value},
        "rationale": "A benchmark has to have some patterns, of a usual length.",
    }
