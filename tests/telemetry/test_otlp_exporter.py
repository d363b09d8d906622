"""The exporter against a real receiver that accepts, refuses, hangs, and comes and goes."""

from __future__ import annotations

import logging
import threading
from typing import Any, Dict, Iterator

import grpc
import pytest

from runtime._telemetry import otlp
from telemetry.exporting import spans
from telemetry.receiver import (
    Gate,
    Receiver,
    free_port,
    status,
)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def test_spans_arrive_in_batches(export_to: Any, receiver: Receiver) -> None:
    """1,200 spans take three requests of at most 512."""
    exporter = export_to(receiver.endpoint)
    spans(exporter, 1200)
    assert exporter.drain(10)
    assert [len(request.spans) for request in receiver.requests] == [512, 512, 176]
    assert (exporter.sent, exporter.state) == (1200, "connected")


def test_large_spans_split_a_batch_by_bytes(export_to: Any, receiver: Receiver) -> None:
    """No request is larger than what a gRPC server takes."""
    exporter = export_to(receiver.endpoint)
    spans(exporter, 6, size=1_000_000)
    assert exporter.drain(20)
    assert len(receiver.spans) == 6
    assert all(request.message.ByteSize() < 4 * 1024 * 1024 for request in receiver.requests)


@pytest.mark.parametrize("code", ["UNAVAILABLE", "ABORTED", "DATA_LOSS"])
def test_passing_faults_are_retried_with_the_same_bytes(
    code: str, export_to: Any, receiver: Receiver, drops: Dict[str, int]
) -> None:
    """What a server may accept later is sent again until it does."""
    receiver.script(status(getattr(grpc.StatusCode, code)))
    exporter = export_to(receiver.endpoint)
    spans(exporter, 2)
    assert exporter.drain(10)
    first, second = receiver.requests
    assert first.message == second.message
    assert drops == {}


def test_answer_on_its_way_at_a_fork_is_waited_for(
    export_to: Any, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the receiver has taken already does not come again."""
    monkeypatch.setattr(otlp, "_ANSWERED_WITHIN_S", 20)
    gate = receiver.answer = Gate()
    exporter = export_to(receiver.endpoint)
    spans(exporter, 2)
    exporter.pump()
    receiver.wait_for_requests(1)
    threading.Timer(0.1, gate.open).start()
    exporter.suspend()
    assert exporter.drain(10)
    assert len(receiver.spans) == exporter.sent == 2


@pytest.mark.parametrize("before", ["a request under way", "a good connection"])
def test_drain_does_not_give_up_for_one_failure_of_what_was_before(
    before: str, export_to: Any, receiver: Receiver
) -> None:
    """A program that ends has no time for a back-off, but for one more request."""
    exporter = export_to(receiver.endpoint, jitter=lambda: 1.0)
    if before == "a good connection":
        spans(exporter, 1)
        assert exporter.drain(10)
    receiver.script(status(grpc.StatusCode.UNAVAILABLE))
    spans(exporter, 2)
    if before == "a request under way":
        exporter.pump()
        receiver.wait_for_requests(1)
    assert exporter.drain(10)
    assert exporter.waiting == 0


def test_drain_gives_up_where_nobody_listens(export_to: Any) -> None:
    """Without a receiver the end of a program is not held up, however much time it has."""
    exporter = export_to(f"localhost:{free_port()}", jitter=lambda: 1.0)
    spans(exporter, 1)
    assert not exporter.drain(60)


@pytest.mark.parametrize("where", ["grpc-status-details-bin", "google.rpc.retryinfo-bin"])
def test_server_may_ask_for_a_delay(where: str, export_to: Any, receiver: Receiver) -> None:
    """RESOURCE_EXHAUSTED with RetryInfo is back-pressure: the delay is kept, nothing is lost."""
    now = [1000.0]
    receiver.script(status(grpc.StatusCode.RESOURCE_EXHAUSTED, retry_after_s=7.5, key=where))
    exporter = export_to(receiver.endpoint, clock=lambda: now[0])
    spans(exporter, 1)
    exporter.drain(10)
    exporter.pump()
    now[0] += 7.4
    exporter.pump()
    assert len(receiver.requests) == 1
    now[0] += 0.2
    exporter.pump()
    assert len(receiver.wait_for_requests(2)) == 2


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("RESOURCE_EXHAUSTED", "too_large"),
        ("UNAUTHENTICATED", "refused"),
        ("PERMISSION_DENIED", "refused"),
        ("INVALID_ARGUMENT", "refused"),
        ("UNIMPLEMENTED", "refused"),
    ],
)
def test_final_refusals_drop_the_batch(
    code: str, reason: str, export_to: Any, receiver: Receiver, drops: Dict[str, int]
) -> None:
    """What will never be accepted is counted by reason and not sent again."""
    receiver.script(status(getattr(grpc.StatusCode, code)))
    exporter = export_to(receiver.endpoint)
    spans(exporter, 3)
    exporter.drain(10)
    assert drops == {reason: 3}
    assert exporter.waiting == 0


def test_a_refusal_is_told_as_one_sentence(export_to: Any, receiver: Receiver, caplog: Any) -> None:
    """Also where the receiver's own words end with a full stop."""
    receiver.script(status(grpc.StatusCode.PERMISSION_DENIED, "The key is revoked."))
    exporter = export_to(receiver.endpoint)
    with caplog.at_level(logging.WARNING, logger="arc"):
        spans(exporter, 1)
        exporter.drain(10)
    assert "it answered PERMISSION_DENIED: The key is revoked. Calls stay" in caplog.text


def test_key_is_sent_as_bearer_on_loopback(export_to: Any, receiver: Receiver) -> None:
    """The key travels in the metadata of each request."""
    exporter = export_to(receiver.endpoint, api_key="arc_key_1")
    spans(exporter, 1)
    assert exporter.drain(10)
    assert receiver.requests[0].metadata["authorization"] == "Bearer arc_key_1"


def test_key_in_clear_text_to_elsewhere_is_sent_and_warned_of_once(
    export_to: Any, receiver: Receiver, caplog: Any
) -> None:
    """What the user wrote is done; one sentence at the start says what to write instead."""
    # an address that leads here, without being one of loopback
    exporter = export_to(f"grpc://0.0.0.0:{receiver.port}", api_key="arc_key_1")
    [warning] = [record.getMessage() for record in caplog.records]
    assert f"write grpcs://0.0.0.0:{receiver.port} if TLS is served there" in warning
    assert "arc_key_1" not in warning
    for _ in range(2):
        spans(exporter, 1)
        assert exporter.drain(10)
    assert [r.metadata["authorization"] for r in receiver.requests] == ["Bearer arc_key_1"] * 2
    assert len(caplog.records) == 1
