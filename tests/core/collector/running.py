"""A collector that serves OTLP by gRPC and HTTP on loopback, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone

import grpc
import uvicorn
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from arc_core.access import Gate, KeySource
from arc_core.collector.counters import Counters
from arc_core.collector.grpc_service import SERVER_OPTIONS, trace_service
from arc_core.collector.http_service import trace_route
from arc_core.collector.intake import Intake
from arc_core.collector.writer import Limits, Writer
from arc_core.registry.keys import Key
from arc_core.storage import CallStore


class Collector:
    """One that runs."""

    def __init__(self) -> None:
        self.metrics = CollectorRegistry()
        self.grpc_address = ""
        self.http_port = 0

    def metric(self, name: str, **labels: str) -> float:
        """Return the value of a counter or gauge."""
        return self.metrics.get_sample_value(name, labels) or 0


class Keys:
    """Every secret that says project-NAME opens that project."""

    def authenticate(self, secret: str) -> Key | None:
        scheme, _, project = secret.partition("-")
        made_at = datetime.now(timezone.utc)
        return Key("1", project, "test", made_at, None, None) if scheme == "project" else None

    def remembered_key(self, secret: str) -> Key | None:
        return None


@contextmanager
def collector(
    store: CallStore, limits: Limits | None = None, keys: KeySource | None = None
) -> Iterator[Collector]:
    """Run a collector over this store."""
    made = Collector()
    ready, loop = threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()
    failures: list[BaseException] = []

    async def serve() -> None:
        counters = Counters(made.metrics)
        writer = Writer(store, counters, limits or Limits(group_wait_s=0.01))
        gate = Gate(keys or Keys(), demand_key=False)
        intake = Intake(writer, gate, counters)
        rpc = grpc.aio.server(options=[("grpc.so_reuseport", 0), *SERVER_OPTIONS])
        rpc.add_generic_rpc_handlers((trace_service(intake),))
        made.grpc_address = f"127.0.0.1:{rpc.add_insecure_port('127.0.0.1:0')}"
        app = Starlette(routes=[trace_route(intake)])
        http = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off"))
        http.capture_signals = _nothing  # type: ignore[method-assign,assignment]
        socket = http.config.bind_socket()
        socket.listen()  # before anybody is told the port
        made.http_port = socket.getsockname()[1]
        writer.start()
        await rpc.start()
        serving = asyncio.create_task(http.serve([socket]))
        ready.set()
        await stop.wait()
        await rpc.stop(5)
        http.should_exit = True
        await serving
        await writer.close()
        intake.close()
        gate.close()

    def run() -> None:
        try:
            loop.run_until_complete(serve())
        except BaseException as problem:
            failures.append(problem)
        finally:
            loop.close()
            ready.set()

    thread = threading.Thread(target=run, name="collector")
    thread.start()
    try:
        assert ready.wait(20)
        yield made
    finally:
        if not loop.is_closed():
            loop.call_soon_threadsafe(stop.set)
        thread.join(30)
    assert not thread.is_alive()
    if failures:
        raise failures[0]


@contextmanager
def _nothing() -> Iterator[None]:
    yield
