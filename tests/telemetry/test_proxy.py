"""Proxies that the environment names, and receivers on the same machine."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from runtime import _endpoint
from runtime._telemetry.otlp import Exporter
from telemetry.receiver import Receiver, free_port


@pytest.mark.parametrize("variable", ["http_proxy", "https_proxy", "grpc_proxy"])
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_receiver_on_this_machine_is_reached_without_the_proxy(
    variable: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A company's proxy would look for localhost on its own machine, and read what is sent."""
    for name in ("no_proxy", "no_grpc_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, f"http://127.0.0.1:{free_port()}")
    drops: Any = []
    with Receiver() as receiver:
        endpoint = _endpoint.parse(f"{host}:{receiver.port}")
        assert endpoint is not None
        exporter = Exporter(
            endpoint,
            resource=Resource(),
            drops=lambda *dropped: drops.append(dropped),
            wake=lambda: None,
        )
        exporter.add(Span(name="x"))
        try:
            assert exporter.drain(10)
        finally:
            exporter.close()
        assert len(receiver.spans) == 1
    assert drops == []
