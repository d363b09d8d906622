"""`arc doctor` looks at the way to the receiver, at its answers, keys and clock."""

from __future__ import annotations

import json
import time
from concurrent import futures
from typing import Any, Callable, Iterator

import grpc
import pytest

from arc_protocol.wire import pattern_sync, sync_pb2
from cli.doctor.report import Examine
from core.core_process import CoreProcess
from runtime import _config
from telemetry.receiver import Receiver, free_port, status


def test_nobody_listens(examine: Examine) -> None:
    """A problem where the endpoint was named, a warning where it is the default."""
    port = free_port()
    report = examine(ARC_ENDPOINT=f"grpc://127.0.0.1:{port}")
    assert (report.code, report.problems) == (1, ["tcp"])
    assert "refused" in report.of("tcp")[0]
    assert "arc core" in report.of("tcp")[0]


def test_default_endpoint_without_core(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Arc is of use without Core: that nobody is at the default endpoint is no problem."""
    default = f"grpc://localhost:{free_port()}"
    settings = [
        each._replace(default=default) if each.name == "endpoint" else each
        for each in _config.SETTINGS
    ]
    monkeypatch.setattr(_config, "SETTINGS", settings)
    report = examine(ARC_ENDPOINT=None)
    assert (report.code, report.warnings) == (0, ["tcp"])


def test_unknown_name(examine: Examine) -> None:
    """A typing error in the host's name is told from a host that is down."""
    report = examine(ARC_ENDPOINT="grpc://nobody.invalid:50051")
    assert report.problems == ["dns"]
    assert "nobody.invalid" in report.of("dns")[0]


def test_key_in_clear_text(examine: Examine) -> None:
    """It is sent where the address says so, and told with what to write."""
    with Receiver() as receiver:
        # no loopback address, but it leads to this machine
        address = f"0.0.0.0:{receiver.port}"
        report = examine(ARC_ENDPOINT=f"grpc://{address}", ARC_API_KEY="arc_secret_1")
    assert report.warnings == ["endpoint", "pattern sync"]  # the receiver is no Core
    assert f"grpcs://{address}" in report.of("endpoint", "warning")[0]
    assert "arc_secret_1" not in json.dumps(report.json)


@pytest.mark.parametrize(
    ("key", "told"), [("arc_wrong_1", "it is refused: no such key"), ("", "set ARC_API_KEY")]
)
def test_refused_key(examine: Examine, key: str, told: str) -> None:
    """The receiver's own words, and where keys come from."""
    with Receiver() as receiver:
        receiver.answer = status(grpc.StatusCode.UNAUTHENTICATED, "no such key")
        report = examine(ARC_ENDPOINT=receiver.endpoint, ARC_API_KEY=key)
    assert report.problems == ["api key"]
    assert told in report.of("api key")[0]
    assert "arc keys create" in report.of("api key")[0]


def test_key_that_core_does_not_know(examine: Examine, core: CoreProcess) -> None:
    """Core says so also where it would do without a key."""
    report = examine(ARC_ENDPOINT=core.grpc_url, ARC_API_KEY="arc_0_wrong")
    assert report.problems == ["api key"]


def test_accepted_key(examine: Examine) -> None:
    """It is sent, and never shown."""
    with Receiver() as receiver:
        report = examine(ARC_ENDPOINT=receiver.endpoint, ARC_API_KEY="arc_1_right")
        assert receiver.requests[0].metadata["authorization"] == "Bearer arc_1_right"
    assert report.of("api key", "ok")
    assert "arc_1_right" not in json.dumps(report.json)


def test_collector_is_no_core(examine: Examine) -> None:
    """A receiver of OpenTelemetry is fine; that no patterns come from there is said."""
    with Receiver() as receiver:
        report = examine(ARC_ENDPOINT=receiver.endpoint)
        assert receiver.spans == []
    assert (report.code, report.warnings) == (0, ["pattern sync"])


def test_grpc_server_that_takes_no_telemetry(examine: Examine) -> None:
    """Another service on the port, or a proxy that answers in its place."""
    with _served(lambda _: None) as endpoint:
        report = examine(ARC_ENDPOINT=endpoint)
    assert report.problems == ["telemetry"]
    assert "no OTLP" in report.of("telemetry")[0]


class _served:  # noqa: N801
    """A gRPC server with OTLP, when `welcome` gives something, and pattern sync."""

    def __init__(self, welcome: Callable[[Any], Any]) -> None:
        self._welcome = welcome

    def _sync(self, messages: Any, _: Any) -> Iterator[bytes]:
        hello = sync_pb2.FromRuntime.FromString(next(messages)).hello
        yield self._welcome(hello).SerializeToString()
        yield sync_pb2.FromCore(current=sync_pb2.Current()).SerializeToString()
        next(messages, None)

    def __enter__(self) -> str:
        self._server = grpc.server(futures.ThreadPoolExecutor(4))
        handlers = [pattern_sync.handler(self._sync)]
        if self._welcome(sync_pb2.Hello()) is not None:
            service = "opentelemetry.proto.collector.trace.v1.TraceService"
            export = grpc.unary_unary_rpc_method_handler(lambda *_: b"")
            handlers.append(grpc.method_handlers_generic_handler(service, {"Export": export}))
        self._server.add_generic_rpc_handlers(handlers)
        port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()
        return f"grpc://127.0.0.1:{port}"

    def __exit__(self, *_: object) -> None:
        self._server.stop(0).wait(10)


@pytest.mark.parametrize(("apart_s", "told"), [(90, "behind"), (-90, "ahead of"), (1, "")])
def test_clock(examine: Examine, apart_s: int, told: str) -> None:
    """Core says its time; calls at wrong times are worth a warning."""

    def welcome(_: Any) -> Any:
        now_ms = int((time.time() + apart_s) * 1e3)
        return sync_pb2.FromCore(welcome=sync_pb2.Welcome(server_time_unix_ms=now_ms))

    with _served(welcome) as endpoint:
        report = examine(ARC_ENDPOINT=endpoint)
    assert report.code == 0
    assert report.warnings == (["clock"] if told else [])
    assert told in report.of("clock")[0]
    assert not told or "90 s" in report.of("clock")[0] or "89 s" in report.of("clock")[0]
