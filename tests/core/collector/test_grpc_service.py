"""OTLP/gRPC over loopback into the real embedded store."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from arc_core.collector.writer import Limits
from arc_core.registry.errors import RegistryUnavailableError
from arc_core.registry.keys import Key
from arc_core.storage import CallQuery, CallStore, StoreError
from core.collector.faulty_store import FaultyStore
from core.collector.otlp_spans import request, span
from core.collector.running import Collector, Keys, collector
from core.otlp import EXPORT
from runtime._telemetry.retry import requested_delay_s


@pytest.fixture
def channel(running: Collector) -> Iterator[grpc.Channel]:
    with connected(running) as made:
        yield made


def connected(running: Collector) -> grpc.Channel:
    """Return a channel that sends messages of any size."""
    options = [("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
    return grpc.insecure_channel(running.grpc_address, options=options)


def export(
    channel: grpc.Channel, payload: Any, key: str | None = None, **options: Any
) -> ExportTraceServiceResponse:
    """Send a request, as message or bytes, and return the answer."""
    call = channel.unary_unary(EXPORT, response_deserializer=ExportTraceServiceResponse.FromString)
    encoded = payload if isinstance(payload, bytes) else payload.SerializeToString()
    metadata = [("authorization", f"Bearer {key}")] if key else None
    answer: ExportTraceServiceResponse = call(encoded, metadata=metadata, timeout=20, **options)
    return answer


def stored(store: CallStore, project: str) -> list[str]:
    """Return the span ids of a project's calls."""
    return sorted(call["span_id"] for call in store.calls(project, CallQuery(limit=1000)))


def ids(*numbers: int) -> list[str]:
    return [f"{number:016x}" for number in numbers]


def test_an_acknowledged_call_is_in_the_store_with_its_body(
    channel: grpc.Channel, store: CallStore, project: str
) -> None:
    sent = span(7, {"gen_ai.input.messages": '[{"role": "user"}]'})
    answer = export(channel, request(sent), f"project-{project}")
    assert answer == ExportTraceServiceResponse()
    found = store.call(project, ids(7)[0])
    assert found is not None
    assert (found["request_model"], found["duration_ms"]) == ("gpt-4.1", 250)
    assert found["body"] == '{"gen_ai.input.messages":[{"role": "user"}]}'


def test_a_key_feeds_its_project_and_none_the_default(
    channel: grpc.Channel, store: CallStore, project: str
) -> None:
    export(channel, request(span(1)), f"project-{project}")
    export(channel, request(span(2)))
    assert stored(store, project) == ids(1)
    assert ids(2)[0] in stored(store, "default")


@pytest.mark.parametrize(
    ("authorization", "sentence"),
    [
        ("Bearer unknown", "The API key is unknown or revoked"),
        ("Basic abc", "The header Authorization must be: Bearer KEY"),
        ("Bearer", "The header Authorization must be: Bearer KEY"),
    ],
)
def test_a_wrong_key_is_refused_for_good(
    channel: grpc.Channel, authorization: str, sentence: str
) -> None:
    call = channel.unary_unary(EXPORT)
    with pytest.raises(grpc.RpcError) as refused:
        call(b"", metadata=[("authorization", authorization)], timeout=20)
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert sentence in refused.value.details()
    assert requested_delay_s(refused.value.trailing_metadata()) is None


def test_bad_spans_are_told_and_the_others_stored(
    channel: grpc.Channel, store: CallStore, project: str
) -> None:
    bad = span(2, {"gen_ai.request.temperature": math.nan})
    answer = export(channel, request(span(1), bad, span(3)), f"project-{project}")
    assert answer.partial_success.rejected_spans == 1
    assert answer.partial_success.error_message == (
        "1 spans are rejected: span 2: gen_ai.request.temperature is nan, which is no number"
    )
    assert stored(store, project) == ids(1, 3)


def test_of_many_bad_spans_the_first_are_described(channel: grpc.Channel) -> None:
    answer = export(channel, request(*[span(trace_id=b"x")] * 100))
    assert answer.partial_success.rejected_spans == 100
    assert len(answer.partial_success.error_message) < 400


def test_compressed_and_large_requests_arrive(
    channel: grpc.Channel, store: CallStore, project: str
) -> None:
    """Those beyond 64 KiB are decoded in a thread."""
    large = request(*(span(number, {"note": "x" * 20_000}) for number in range(1, 301)))
    key = f"project-{project}"
    assert export(channel, large, key, compression=grpc.Compression.Gzip).ByteSize() == 0
    assert stored(store, project) == ids(*range(1, 301))


def test_a_request_that_is_sent_twice_is_there_once(
    channel: grpc.Channel, store: CallStore, project: str
) -> None:
    """A sender that never saw the answer sends again."""
    for _ in range(2):
        export(channel, request(span(1), span(2)), f"project-{project}")
    assert stored(store, project) == ids(1, 2)


@pytest.mark.parametrize("megabytes", [17, 40])
def test_a_request_that_is_too_large_is_refused_for_good(
    running: Collector, channel: grpc.Channel, megabytes: int
) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        export(channel, bytes(megabytes * 1024 * 1024))
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "larger than" in refused.value.details()
    assert requested_delay_s(refused.value.trailing_metadata()) is None
    assert export(channel, request(span(1))).ByteSize() == 0


def test_a_small_request_that_unpacks_to_a_huge_one_is_refused(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        export(channel, bytes(64 * 1024 * 1024), compression=grpc.Compression.Gzip)
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_garbage_is_refused_and_the_server_goes_on(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        export(channel, b"\xff\xfe garbage")
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "cannot be decoded" in refused.value.details()
    assert export(channel, request(span(1))).ByteSize() == 0


def test_an_empty_request_is_a_success(channel: grpc.Channel) -> None:
    """OTLP wants it so."""
    assert export(channel, b"") == ExportTraceServiceResponse()


def test_spans_are_counted_by_what_became_of_them(running: Collector, project: str) -> None:
    names = ["arc_core_spans_accepted_total", "arc_core_spans_ignored_total"]
    before = [running.metric(name) for name in names]
    before_bad = running.metric("arc_core_spans_rejected_total", reason="ids")
    refused = running.metric("arc_core_requests_refused_total", reason="not_otlp")
    tool = span(3, {"gen_ai.operation.name": "execute_tool"})
    with connected(running) as channel:
        export(channel, request(span(1), span(2), tool, span(span_id=b"")), f"project-{project}")
        with pytest.raises(grpc.RpcError):
            export(channel, b"\xff")
    assert [running.metric(name) for name in names] == [before[0] + 2, before[1] + 1]
    assert running.metric("arc_core_spans_rejected_total", reason="ids") == before_bad + 1
    assert running.metric("arc_core_requests_refused_total", reason="not_otlp") == refused + 1
    assert running.metric("arc_core_waiting_calls") == 0
    assert running.metric("arc_core_waiting_bytes") == 0
    assert running.metric("arc_core_insert_seconds_count") > 0


def test_a_failing_store_asks_senders_to_come_again() -> None:
    """In the way that OTLP prescribes, and as the Runtime understands it."""
    store = FaultyStore(StoreError("The server is away."))
    limits = Limits(group_wait_s=0.001, attempts=1)
    with collector(store, limits) as running, connected(running) as channel:
        with pytest.raises(grpc.RpcError) as refused:
            export(channel, request(span(1)))
        assert export(channel, request(span(1))).ByteSize() == 0
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert refused.value.details() == "The server is away."
    metadata = dict(refused.value.trailing_metadata())
    status = Status.FromString(metadata["grpc-status-details-bin"])
    info = RetryInfo()
    assert status.details[0].Unpack(info)
    assert info.retry_delay.ToSeconds() == 5
    assert (status.code, status.message) == (14, "The server is away.")
    assert requested_delay_s(refused.value.trailing_metadata()) == 5
    assert store.span_ids == ids(1)


def test_a_full_buffer_asks_senders_to_come_again() -> None:
    store = FaultyStore()
    store.gate.clear()
    limits = Limits(group_wait_s=0.001, buffer_rows=1)
    with collector(store, limits) as running, connected(running) as channel:
        call = channel.unary_unary(EXPORT)
        held = call.future(request(span(1)).SerializeToString(), timeout=20)
        assert store.entered.acquire(timeout=20)
        with pytest.raises(grpc.RpcError) as refused:
            export(channel, request(span(2)))
        store.gate.set()
        held.result()
        export(channel, request(span(2)))
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert requested_delay_s(refused.value.trailing_metadata()) == 1
    assert store.span_ids == ids(1, 2)


def test_requests_under_way_are_stored_and_acknowledged_when_the_collector_ends() -> None:
    store = FaultyStore()
    store.gate.clear()
    with collector(store) as running:
        channel = connected(running)
        held = channel.unary_unary(EXPORT).future(request(span(1)).SerializeToString(), timeout=20)
        assert store.entered.acquire(timeout=20)
        store.gate.set()
    assert held.result(timeout=20) == b""
    assert store.span_ids == ids(1)
    channel.close()


class NoRegistry(Keys):
    def authenticate(self, secret: str) -> Key | None:
        raise RegistryUnavailableError("The registry is away.")


def test_while_keys_cannot_be_looked_up_senders_keep_what_they_have(store: CallStore) -> None:
    """The registry's sentence goes to the sender, who is asked to come again."""
    keyless, failure = collector(store, keys=NoRegistry()), pytest.raises(grpc.RpcError)
    with keyless as away, connected(away) as channel, failure as refused:
        export(channel, request(span(1)), "any")
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert refused.value.details() == "The registry is away."
    assert requested_delay_s(refused.value.trailing_metadata()) == 5
