"""Headers for receivers that want some, and the endpoint of OpenTelemetry's exporters."""

from __future__ import annotations

import logging
from typing import Any, Callable, Dict, Iterator

import openai
import pytest

from core_stand_in import StandIn
from runtime import Arc, _config
from runtime_shapes import RISKY
from telemetry.http_receiver import HttpReceiver
from telemetry.receiver import Receiver


@pytest.fixture
def web() -> Iterator[HttpReceiver]:
    with HttpReceiver() as running:
        yield running


@pytest.fixture(autouse=True)
def _nothing_of_opentelemetry(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ENDPOINT", "PROTOCOL", "HEADERS", "CERTIFICATE"):
        monkeypatch.delenv(f"OTEL_EXPORTER_OTLP_{name}", raising=False)
        monkeypatch.delenv(f"OTEL_EXPORTER_OTLP_TRACES_{name}", raising=False)


def test_headers_are_sent_by_both_protocols(
    start: Callable[..., Arc], receiver: Receiver, web: HttpReceiver, client: openai.OpenAI
) -> None:
    """An authorization of one's own goes before the key; values are decoded."""
    arc = start(headers={"Authorization": "Basic abc", "X-Tenant": "a b"}, api_key="arc_1")
    client.chat.completions.create(**RISKY)
    assert arc.flush(10)
    Arc(endpoint=web.endpoint, headers="x-tenant=a%20b, x-other=1")
    client.chat.completions.create(**RISKY)
    assert arc.flush(10)
    metadata = receiver.requests[0].metadata
    assert (metadata["authorization"], metadata["x-tenant"]) == ("Basic abc", "a b")
    [request] = web.requests
    assert request.headers["authorization"] == "Bearer arc_1"
    assert (request.headers["x-tenant"], request.headers["x-other"]) == ("a b", "1")


def test_headers_are_sent_on_the_link(
    start: Callable[..., Arc], core: StandIn, client: openai.OpenAI
) -> None:
    """A gateway in front of Core wants them there as well."""
    arc = start(endpoint=core.endpoint, headers={"x-tenant": "7"})
    client.chat.completions.create(**RISKY)
    assert core.connection().metadata["x-tenant"] == "7"
    assert arc.faults() == {}


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("broken", "write name=value"),
        ("host=x", "'host' cannot be the name of a header"),
        ("a b=x", "'a b' cannot be the name"),
        ("trace-bin=x", "'trace-bin' cannot be the name"),
        ("x-key=a%0Ab", "the value of x-key must be printable ASCII"),
    ],
)
def test_headers_that_cannot_be_sent(written: str, told: str, caplog: Any) -> None:
    """One sentence, which never says what the others are: they are keys, more often than not."""
    with caplog.at_level(logging.DEBUG, logger="arc"):
        written = f"authorization=secret,{written}"
        assert _config.read({}, {"ARC_HEADERS": written}).headers is None
    [sentence] = [record.getMessage() for record in caplog.records]
    assert told in sentence
    assert "secret" not in sentence


EXPORTER = "OTEL_EXPORTER_OTLP"


@pytest.mark.parametrize(
    ("env", "endpoint"),
    [
        ({}, "grpc://localhost:4317"),
        ({"_PROTOCOL": "http/protobuf"}, "http://localhost:4318"),
        ({"_ENDPOINT": "http://collector:4317"}, "grpc://collector:4317"),
        ({"_ENDPOINT": "https://collector:4317/v1"}, "grpcs://collector:4317"),
        ({"_ENDPOINT": "collector:4317"}, "grpc://collector:4317"),
        (
            {"_ENDPOINT": "https://vendor/otlp", "_PROTOCOL": "http/protobuf"},
            "https://vendor:443/otlp",
        ),
        (
            {"_TRACES_ENDPOINT": "http://a:1/v1/traces", "_TRACES_PROTOCOL": "http/protobuf"},
            "http://a:1",
        ),
        ({"_ENDPOINT": "http://a:1", "_TRACES_ENDPOINT": "http://b:2"}, "grpc://b:2"),
    ],
)
def test_endpoint_of_the_exporters(env: Dict[str, str], endpoint: str) -> None:
    """What they would do; nothing of that without `otel`."""
    environ = {f"{EXPORTER}{name}": text for name, text in env.items()}
    assert str(_config.read({"endpoint": "otel"}, environ).receiver()) == endpoint
    assert str(_config.read({}, environ).receiver()) == "grpc://localhost:50051"


def test_who_follows_the_exporters_sends_their_headers_and_no_more_content(
    start: Callable[..., Arc],
    web: HttpReceiver,
    client: openai.OpenAI,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The receiver is somebody else's, and named for other spans."""
    monkeypatch.setenv("ARC_ENDPOINT", "otel")
    monkeypatch.setenv(f"{EXPORTER}_ENDPOINT", web.endpoint)
    monkeypatch.setenv(f"{EXPORTER}_PROTOCOL", "http/protobuf")
    monkeypatch.setenv(f"{EXPORTER}_HEADERS", "api-key=vendor")
    arc = start(endpoint=None)
    client.chat.completions.create(**RISKY)
    assert arc.flush(10)
    assert web.requests[0].headers["api-key"] == "vendor"
    assert b"poem about Python" not in web.requests[0].message.SerializeToString()
    assert arc.settings.otel == "off"
    Arc(capture_content=True, headers={"api-key": "mine"})
    client.chat.completions.create(**RISKY)
    assert arc.flush(10)
    assert web.requests[1].headers["api-key"] == "mine"
    assert b"poem about Python" in web.requests[1].message.SerializeToString()


def test_headers_of_the_exporters_stay_with_their_receiver(
    start: Callable[..., Arc],
    receiver: Receiver,
    client: openai.OpenAI,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another receiver must not get a vendor's key."""
    monkeypatch.setenv(f"{EXPORTER}_HEADERS", "api-key=vendor")
    arc = start()
    client.chat.completions.create(**RISKY)
    assert arc.flush(10)
    assert "api-key" not in receiver.requests[0].metadata


def test_a_bad_address_of_the_exporters_is_told(caplog: Any) -> None:
    """Telemetry goes nowhere then, rather than to somebody else."""
    environ = {f"{EXPORTER}_ENDPOINT": "ftp://collector"}
    assert _config.read({"endpoint": "otel"}, environ).receiver() is None
    assert "OTEL_EXPORTER_OTLP_ENDPOINT cannot be used" in caplog.text
