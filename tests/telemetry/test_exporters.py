"""What exporters of either protocol do, against real receivers that accept, hang and go."""

from __future__ import annotations

import logging
from typing import Any, Callable, Dict, Iterator, NamedTuple

import pytest

from telemetry import http_receiver, receiver
from telemetry.exporting import spans
from telemetry.http_receiver import HttpReceiver
from telemetry.receiver import Receiver, free_port


class Protocol(NamedTuple):
    """A protocol by which spans are sent, as the tests see it."""

    scheme: str
    receiver: Callable[..., Any]
    partial: Callable[[int, str], Any]
    hang: Callable[[Any], Any]
    """Given the receiver that shall never answer."""


PROTOCOLS = [
    Protocol("grpc", Receiver, receiver.partial, lambda _: receiver.hang),
    Protocol("http", HttpReceiver, http_receiver.partial, lambda running: running.hang),
]


@pytest.fixture(params=PROTOCOLS, ids=lambda protocol: protocol.scheme)
def protocol(request: Any) -> Protocol:
    chosen: Protocol = request.param
    return chosen


@pytest.fixture
def running(protocol: Protocol) -> Iterator[Any]:
    with protocol.receiver() as started:
        yield started


def test_partial_success_is_counted_and_not_sent_again(
    protocol: Protocol, running: Any, export_to: Any, drops: Dict[str, int], caplog: Any
) -> None:
    """Rejected spans are lost for good, said once."""
    running.script(protocol.partial(2, "too old"), protocol.partial(2, "too old"))
    exporter = export_to(running.endpoint)
    for _ in range(2):
        spans(exporter, 3)
        assert exporter.drain(10)
    assert drops == {"rejected": 4}
    assert exporter.sent == 2
    assert len(running.requests) == 2
    assert caplog.text.count("too old") == 1


def test_absent_receiver_bounds_memory_and_resumes(
    protocol: Protocol, export_to: Any, drops: Dict[str, int], caplog: Any
) -> None:
    """The oldest give way while nobody listens; the rest is delivered once somebody does."""
    port = free_port()
    exporter = export_to(f"{protocol.scheme}://localhost:{port}", buffer_limit=100_000)
    with caplog.at_level(logging.INFO, logger="arc"):
        for _ in range(3):
            spans(exporter, 2_000, size=100)
            exporter.drain(0.5)
        assert exporter.state == "unreachable"
        assert drops["buffer_full"] > 0
        left = exporter.waiting
        assert left * 100 <= 200_000
        with protocol.receiver(port=port) as started:
            assert exporter.drain(10)
            assert len(started.spans) == left
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "nobody listens there" in caplog.text


def test_hanging_receiver_never_blocks_pump(
    protocol: Protocol, running: Any, export_to: Any
) -> None:
    """`pump` returns while a request is under way; suspending ends it and keeps what it had."""
    running.script(protocol.hang(running))
    exporter = export_to(running.endpoint)
    spans(exporter, 4)
    exporter.pump()
    running.wait_for_requests(1)
    exporter.pump()
    assert exporter.waiting == 4
    exporter.suspend()
    assert exporter.waiting == 4
    assert exporter.drain(10)
