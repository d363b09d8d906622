"""The exporter by OTLP/HTTP, against a real receiver that accepts, refuses, hangs and goes."""

from __future__ import annotations

import logging
import socket
import threading
from typing import Any, Dict, Iterator, List

import pytest

from runtime import _endpoint
from runtime._telemetry.http_connection import proxy_of
from telemetry.exporting import spans
from telemetry.http_receiver import PROTOBUF, HttpReceiver, answer, hang_up
from telemetry.receiver import Receiver, rpc_status
from waiting import wait_until


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with HttpReceiver() as running:
        yield running


def test_spans_arrive_in_batches_on_one_connection(export_to: Any, receiver: HttpReceiver) -> None:
    """As protobuf, at the path of OTLP, with the key; nothing is compressed on this machine."""
    exporter = export_to(receiver.endpoint, api_key="arc_key_1")
    spans(exporter, 1200)
    assert exporter.drain(10)
    assert (exporter.sent, exporter.state) == (1200, "connected")
    assert len(receiver.spans) == 1200
    assert len(receiver.requests) == 3
    assert len({request.connection for request in receiver.requests}) == 1
    for request in receiver.requests:
        assert request.target == "/v1/traces"
        assert request.headers["content-type"] == PROTOBUF
        assert request.headers["authorization"] == "Bearer arc_key_1"
        assert request.headers["host"] == f"localhost:{receiver.port}"
        assert request.headers["user-agent"].startswith("arc-runtime/")
        assert "content-encoding" not in request.headers


def test_batches_for_elsewhere_are_compressed(export_to: Any, receiver: HttpReceiver) -> None:
    """From 4 KiB on; below it takes longer than it saves. The path goes before OTLP's own."""
    # an address that leads here, without being one of loopback
    exporter = export_to(f"http://0.0.0.0:{receiver.port}/api/otel/")
    spans(exporter, 1)
    assert exporter.drain(10)
    spans(exporter, 500)
    assert exporter.drain(10)
    small, large = receiver.requests
    assert "content-encoding" not in small.headers
    assert large.headers["content-encoding"] == "gzip"
    assert int(large.headers["content-length"]) < 4096
    assert len(receiver.spans) == 501
    assert {request.target for request in receiver.requests} == {"/api/otel/v1/traces"}


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_passing_faults_are_retried_with_the_same_bytes(
    status: int, export_to: Any, receiver: HttpReceiver, drops: Dict[str, int], caplog: Any
) -> None:
    """What a server may accept later is sent again until it does."""
    receiver.script(answer(status))
    exporter = export_to(receiver.endpoint)
    spans(exporter, 2)
    assert exporter.drain(10)
    first, second = receiver.requests
    assert first.message == second.message
    assert drops == {}
    assert f"is not reachable: it answered {status} " in caplog.text


def test_server_may_ask_for_a_delay(export_to: Any, receiver: HttpReceiver, caplog: Any) -> None:
    """`Retry-After` is back-pressure: the delay is kept, nothing is lost or said."""
    now = [1000.0]
    receiver.script(answer(429, retry_after="7"))
    exporter = export_to(receiver.endpoint, clock=lambda: now[0])
    spans(exporter, 1)
    exporter.drain(10)
    exporter.pump()
    now[0] += 6.9
    exporter.pump()
    assert len(receiver.requests) == 1
    now[0] += 0.2
    exporter.pump()
    assert len(receiver.wait_for_requests(2)) == 2
    assert caplog.records == []


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, "refused"),
        (401, "refused"),
        (403, "refused"),
        (404, "refused"),
        (413, "too_large"),
        (415, "refused"),
        (500, "refused"),
        (308, "refused"),
    ],
)
def test_final_refusals_drop_the_batch(
    status: int, reason: str, export_to: Any, receiver: HttpReceiver, drops: Dict[str, int]
) -> None:
    """What will never be accepted is counted by reason and not sent again."""
    receiver.script(answer(status))
    exporter = export_to(receiver.endpoint)
    spans(exporter, 3)
    exporter.drain(10)
    assert drops == {reason: 3}
    assert exporter.waiting == 0
    assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (
            answer(401, rpc_status(16, "The key is revoked.", b""), content_type=PROTOBUF),
            "it answered 401 Unauthorized: The key is revoked. Calls stay",
        ),
        (
            answer(404, b'{"detail": "no such page"}', content_type="application/json"),
            'it answered 404 Not Found: {"detail": "no such page"}. Calls stay',
        ),
        (answer(404, b"<html>", content_type="text/html"), "it answered 404 Not Found. Calls"),
        (answer(301, location="https://elsewhere/"), "it has moved to https://elsewhere/. Calls"),
    ],
)
def test_a_refusal_is_told_as_one_sentence(
    reply: Any, told: str, export_to: Any, receiver: HttpReceiver, caplog: Any
) -> None:
    """With the receiver's own words, where it has some."""
    receiver.script(reply)
    exporter = export_to(receiver.endpoint)
    with caplog.at_level(logging.WARNING, logger="arc"):
        spans(exporter, 1)
        exporter.drain(10)
    assert told in caplog.text


def test_a_connection_that_was_closed_in_between_is_no_failure(
    export_to: Any, receiver: HttpReceiver, caplog: Any
) -> None:
    """Receivers and proxies close what is idle; the next batch opens another."""
    receiver.script(answer(200), hang_up)
    exporter = export_to(receiver.endpoint, jitter=lambda: 1.0)
    for _ in range(2):
        spans(exporter, 1)
        exporter.pump()
        assert exporter.drain(0.0) or exporter.drain(10)
    assert exporter.sent == 2
    assert len({request.connection for request in receiver.requests}) == 2
    assert caplog.records == []


def test_a_request_that_takes_too_long_is_ended(
    export_to: Any, receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    """Also by a receiver that goes on writing, so that no single wait is too long."""
    monkeypatch.setattr("runtime._telemetry.otlp._DEADLINE_S", 0.3)

    def drip(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("content-length", "100000")
        handler.end_headers()
        while not receiver._over.wait(0.05):
            handler.wfile.write(b"x")

    receiver.script(drip)
    exporter = export_to(receiver.endpoint)
    spans(exporter, 1)
    wait_until(lambda: exporter.pump() is not None and exporter.state == "unreachable")
    assert "it does not answer in time" in caplog.text
    assert exporter.drain(10)


@pytest.mark.parametrize("wanted", ["gRPC", "silence"])
def test_a_port_of_something_else_is_told(wanted: str, export_to: Any, caplog: Any) -> None:
    """The ports of both protocols are easily confused."""
    with Receiver() as grpc, socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        if wanted == "silence":
            threading.Thread(target=lambda: silent.accept()[0].close(), daemon=True).start()
        port = grpc.port if wanted == "gRPC" else silent.getsockname()[1]
        exporter = export_to(f"http://localhost:{port}", jitter=lambda: 1.0)
        spans(exporter, 1)
        exporter.drain(1)
    assert exporter.state == "unreachable"
    assert "grpc://" in caplog.text


def test_a_proxy_of_the_environment_is_used(
    export_to: Any, receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its password; for what is in clear text it gets the whole address."""
    for name in ("no_proxy", "NO_PROXY", "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", f"http://me:pass%20word@localhost:{receiver.port}")
    exporter = export_to("http://core.example.com:4318")
    spans(exporter, 1)
    assert exporter.drain(10)
    [request] = receiver.requests
    assert request.target == "http://core.example.com:4318/v1/traces"
    assert request.headers["host"] == "core.example.com:4318"
    assert request.headers["proxy-authorization"] == "Basic bWU6cGFzcyB3b3Jk"
    monkeypatch.setenv("no_proxy", "example.com")
    endpoint = _endpoint.parse("http://core.example.com:4318")
    assert endpoint is not None
    assert proxy_of(endpoint) is None


def test_who_watches_http_sees_nothing_of_it(
    export_to: Any, receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Error trackers replace these methods, and report what passes as the application's own."""
    import http.client

    seen: List[str] = []
    for name in ("request", "putrequest", "putheader", "getresponse", "send"):
        monkeypatch.setattr(
            http.client.HTTPConnection, name, lambda *_, name=name, **__: seen.append(name)
        )
    exporter = export_to(receiver.endpoint)
    spans(exporter, 1)
    assert exporter.drain(10)
    assert seen == []
