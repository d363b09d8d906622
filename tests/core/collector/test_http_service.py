"""OTLP/HTTP over loopback into the real embedded store."""

from __future__ import annotations

import gzip
import http.client
import json
from typing import Any

import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from arc_core.collector.writer import Limits
from arc_core.storage import CallStore, StoreError
from core.collector.faulty_store import FaultyStore
from core.collector.otlp_spans import STARTED_NS, request, span
from core.collector.running import Collector, collector

PROTOBUF, JSON = "application/x-protobuf", "application/json"


class Answer:
    """An answer of the server."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def refusal(self) -> Status:
        """What a refusal says, in the form that was asked in."""
        if self.headers["content-type"] == JSON:
            return Status(**json.loads(self.body))
        return Status.FromString(self.body)


def post(running: Collector, body: bytes, content_type: str = PROTOBUF, **headers: str) -> Answer:
    """Send a request."""
    connection = http.client.HTTPConnection("127.0.0.1", running.http_port, timeout=20)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.request("POST", "/v1/traces", body, {"content-type": content_type, **named})
        return Answer(connection.getresponse())
    finally:
        connection.close()


def json_span(number: int = 1, **fields: Any) -> dict[str, Any]:
    """Return the span of a chat call in OTLP's JSON."""
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4.1"}
    return {
        "traceId": "0102030405060708090a0b0c0d0e0f10",
        "spanId": f"{number:016X}",
        "name": "chat gpt-4.1",
        "kind": 3,
        "startTimeUnixNano": str(STARTED_NS),
        "endTimeUnixNano": str(STARTED_NS + 1_000_000),
        "attributes": [
            {"key": name, "value": {"stringValue": value}} for name, value in attributes.items()
        ],
        "links": [{"traceId": "0102030405060708090a0b0c0d0e0f10", "spanId": "01"}],
        "fieldOfTheFuture": 1,
        **fields,
    }


def json_request(*spans: Any) -> bytes:
    """Return a request in OTLP's JSON."""
    scope = {"scope": {"name": "test"}, "spans": spans}
    service = {"key": "service.name", "value": {"stringValue": "shop"}}
    sent = {"resource": {"attributes": [service]}, "scopeSpans": [scope]}
    return json.dumps({"resourceSpans": [sent]}).encode()


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_protobuf_is_stored_and_acknowledged(
    running: Collector, store: CallStore, project: str, encoding: str
) -> None:
    body = request(span(1)).SerializeToString()
    answer = post(
        running,
        gzip.compress(body) if encoding == "gzip" else body,
        content_encoding=encoding,
        authorization=f"Bearer project-{project}",
    )
    assert (answer.status, answer.headers["content-type"]) == (200, PROTOBUF)
    assert ExportTraceServiceResponse.FromString(answer.body) == ExportTraceServiceResponse()
    assert store.call(project, f"{1:016x}") is not None


def test_json_is_stored_and_acknowledged(
    running: Collector, store: CallStore, project: str
) -> None:
    key = f"Bearer project-{project}"
    answer = post(running, json_request(json_span(10)), f"{JSON}; charset=utf-8", authorization=key)
    assert (answer.status, answer.headers["content-type"]) == (200, JSON)
    assert json.loads(answer.body) == {}
    found = store.call(project, f"{10:016x}")
    assert found is not None
    expected = {
        "trace_id": "0102030405060708090a0b0c0d0e0f10", "service": "shop", "duration_ms": 1,
        "request_model": "gpt-4.1", "start_time": STARTED_NS // 1000,
    }  # fmt: skip
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    "bad",
    [
        json_span(traceId="zz"),
        json_span(spanId=5),
        json_span(name=["x"]),
        json_span(attributes=[{"key": "x", "value": {"stringValue": "\ud800"}}]),
        json_span(attributes=[{"key": "x", "value": {"doubleValue": "much"}}]),
        json_span(attributes="x"),
        json_span(startTimeUnixNano="-1"),
        json_span(events={"a": 1}),
        json_span(status=7),
    ],
)
def test_a_bad_span_in_json_is_rejected_alone(running: Collector, bad: Any) -> None:
    answer = post(running, json_request(json_span(1), bad, json_span(3)), JSON)
    assert answer.status == 200
    told = json.loads(answer.body)["partialSuccess"]
    assert told["rejectedSpans"] == "1"
    assert "span 2: " in told["errorMessage"]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"\xff garbage", PROTOBUF),
        (b"{", JSON),
        (b"\xff", JSON),
        (b"[" * 100_000, JSON),
        (b"[]", JSON),
        (b"7", JSON),
        (b'{"resourceSpans": {"a": 1}}', JSON),
        (b'{"resourceSpans": [7]}', JSON),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": "x"}]}]}', JSON),
        (b'{"resourceSpans": [{"resource": 7, "scopeSpans": [{"spans": []}]}]}', JSON),
    ],
)
def test_what_is_no_otlp_is_refused_for_good(
    running: Collector, body: bytes, content_type: str
) -> None:
    answer = post(running, body, content_type)
    assert answer.status == 400
    assert answer.headers["content-type"] == content_type
    assert answer.refusal.message.startswith("The request") or "resource" in answer.refusal.message
    assert answer.refusal.code == 3
    assert "retry-after" not in answer.headers


@pytest.mark.parametrize("body", [b"{}", b'{"resourceSpans": null}', b'{"resourceSpans": []}'])
def test_an_empty_request_is_a_success(running: Collector, body: bytes) -> None:
    assert post(running, body, JSON).status == 200
    assert post(running, b"").status == 200


@pytest.mark.parametrize(
    "body",
    [
        b"plain",
        gzip.compress(b"", mtime=0)[:-4],
        gzip.compress(b"", mtime=0) + gzip.compress(b"x", mtime=0),
    ],
)
def test_what_is_no_gzip_is_refused(running: Collector, body: bytes) -> None:
    answer = post(running, body, content_encoding="gzip")
    assert answer.status == 400
    assert "gzip" in answer.refusal.message


def test_a_large_request_is_refused_however_it_is_packed(running: Collector) -> None:
    body = bytes(17 * 1024 * 1024)
    for sent, encoding in ((body, "identity"), (gzip.compress(body), "gzip")):
        answer = post(running, sent, content_encoding=encoding)
        assert answer.status == 413
        assert "send smaller batches" in answer.refusal.message
        assert "retry-after" not in answer.headers


@pytest.mark.parametrize(
    "headers",
    [{"content_type": "text/plain"}, {"content_type": PROTOBUF, "content_encoding": "br"}],
)
def test_forms_that_are_not_spoken_are_refused(running: Collector, headers: Any) -> None:
    answer = post(running, b"", **headers)
    assert answer.status == 415
    assert "is not understood: send" in answer.refusal.message


def test_a_wrong_key_is_refused(running: Collector) -> None:
    answer = post(running, b"", authorization="Bearer unknown")
    assert (answer.status, answer.refusal.code) == (401, 16)


def test_trouble_asks_senders_to_come_again() -> None:
    store = FaultyStore(StoreError("The server is away."))
    with collector(store, Limits(group_wait_s=0.001, attempts=1)) as running:
        body = request(span(1)).SerializeToString()
        refused, accepted = post(running, body), post(running, body)
    assert (refused.status, refused.headers["retry-after"]) == (503, "5")
    assert refused.refusal.message == "The server is away."
    assert accepted.status == 200


def test_a_full_buffer_asks_senders_to_come_again() -> None:
    store = FaultyStore()
    store.gate.clear()
    body = request(span(1)).SerializeToString()
    with collector(store, Limits(group_wait_s=0.001, buffer_rows=1)) as running:
        held = http.client.HTTPConnection("127.0.0.1", running.http_port, timeout=20)
        held.request("POST", "/v1/traces", body, {"content-type": PROTOBUF})
        assert store.entered.acquire(timeout=20)
        refused = post(running, body)
        store.gate.set()
        assert held.getresponse().status == 200
        held.close()
    assert (refused.status, refused.headers["retry-after"]) == (429, "1")
