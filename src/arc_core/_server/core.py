"""Core as a whole: starts its parts in order and ends them in the reverse one."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Gauge, PlatformCollector, ProcessCollector

from arc_core._server import grpc_port
from arc_core._server.http import HttpServer
from arc_core._server.memory import forget_code
from arc_core._server.retention import keep_within_limits
from arc_core.access import Gate
from arc_core.collector.counters import Counters
from arc_core.collector.grpc_service import trace_service
from arc_core.collector.http_service import TRACES, describe_traces, trace_route
from arc_core.collector.intake import Intake
from arc_core.collector.runs import RunWatch
from arc_core.collector.writer import Writer
from arc_core.config import Settings
from arc_core.learner import Learner
from arc_core.model.calls import CallBatch
from arc_core.registry.registry import Registry
from arc_core.rollout.settings import RolloutSettings
from arc_core.storage import CallStore
from arc_core.sync import PatternSync
from arc_core.web import Context, LiveCalls, create_app

if TYPE_CHECKING:
    from arc_core.sync.signing import SigningKey

_logger = logging.getLogger("arc.core")

_COLLECT = (50_000, 10, 10)
"""New objects before garbage is looked for, and how many times before among older ones."""
_SETTLED_S = 5.0
"""After the start the learner and retention look at what is stored; by then they have."""
_GRACE_S = 5.0
"""For requests under way, once Core has been told to end."""


async def serve(
    settings: Settings,
    store: CallStore,
    registry: Registry,
    listener: socket.socket,
    ready: Callable[[int], None],
    signing_key: SigningKey | None = None,
) -> None:
    """Run until SIGTERM or SIGINT; then take nothing new, store what was taken, and return.

    `listener` is the socket of the HTTP port; `ready` is told the gRPC port once both are served.
    Raises `SettingError` when the gRPC port cannot be had.
    """
    ended = _on_signals()
    metrics = CollectorRegistry()
    ProcessCollector(registry=metrics)
    PlatformCollector(registry=metrics)
    counters = Counters(metrics)
    live = LiveCalls()
    rollout = RolloutSettings(most_active=settings.max_learned)
    learner = Learner(
        store,
        registry,
        interval_s=settings.learn_interval,
        manual=settings.approval == "manual",
        rollout=rollout,
    )

    def stored(batch: CallBatch) -> None:
        live.publish(batch)
        learner.stored(batch)

    writer = Writer(store, counters, look_at=RunWatch(store).note, stored=stored)
    gate = Gate(registry, demand_key=settings.keys_required)
    intake = Intake(writer, gate, counters)
    sync = PatternSync(registry, gate, signing_key=signing_key)
    connected = Gauge("arc_core_runtimes_connected", "Open streams", registry=metrics)
    connected.set_function(lambda: sync.connected)
    context = Context(
        store=store,
        registry=registry,
        live=live,
        metrics=metrics,
        unready=lambda: _unready(store, registry, ended),
        gate=gate,
        rollout=rollout,
        routes=[trace_route(intake)],
        described={TRACES: describe_traces()},
    )
    http = HttpServer(create_app(context), settings)
    writer.start()
    try:
        rpc, port = await grpc_port.serve(settings, [trace_service(intake), sync.handler])
        try:
            serving = asyncio.create_task(http.run_on(listener))
            housekeeping = asyncio.create_task(keep_within_limits(store, settings))
            learner.start()
            ready(port)
            # what is there now stays: collections need not look at it again
            gc.collect()
            gc.freeze()
            # of thousands of calls that wait to be stored none is garbage: to look through them
            # after every 700 new objects took a twentieth of all that decoding takes
            gc.set_threshold(*_COLLECT)
            asyncio.get_running_loop().call_later(_SETTLED_S, forget_code)
            await asyncio.wait(
                {serving, asyncio.create_task(ended.wait())}, return_when=asyncio.FIRST_COMPLETED
            )
            _logger.info("Arc Core ends: what was taken is being stored.")
            housekeeping.cancel()
            await sync.drain(_GRACE_S)
            live.close()
            http.should_exit = True
            await serving
        finally:
            await rpc.stop(_GRACE_S)
    finally:
        await asyncio.to_thread(learner.close)
        await writer.close()
        intake.close()
        await sync.close()
        gate.close()


def _on_signals() -> asyncio.Event:
    """Return the event of being told to end; told twice, the process ends at once."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def end(number: int) -> None:
        ended.set()
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end, number)
    return ended


def _unready(store: CallStore, registry: Registry, ended: asyncio.Event) -> str | None:
    if ended.is_set():
        return "Arc Core is shutting down."
    try:
        store.info()
        registry.keys("default")
    except Exception as problem:
        return str(problem)
    return None
