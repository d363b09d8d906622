"""Applications without Arc Runtime send by the exporters of OpenTelemetry."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.grpc import trace_exporter as by_grpc
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http import trace_exporter as by_http
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from core.core_process import CoreProcess, core
from core.server.rest import calls, post

EXPORTERS: dict[str, Callable[[CoreProcess, str], SpanExporter]] = {
    "gRPC": lambda core, secret: by_grpc.OTLPSpanExporter(
        core.address, insecure=True, headers={"authorization": f"Bearer {secret}"}
    ),
    "HTTP": lambda core, secret: by_http.OTLPSpanExporter(
        f"{core.http_url}/v1/traces",
        headers={"authorization": f"Bearer {secret}"},
        compression=Compression.Gzip,
    ),
}


@pytest.mark.parametrize("way", EXPORTERS)
def test_a_stock_exporter_delivers(way: str, tmp_path: Path) -> None:
    """As it is, with an API key; what is no call is passed over without a complaint."""
    with core(tmp_path) as process:
        secret = post(process, "/api/v1/keys", {"name": "exporter"})["secret"]
        provider = TracerProvider(resource=Resource.create({"service.name": "billing"}))
        provider.add_span_processor(BatchSpanProcessor(EXPORTERS[way](process, secret)))
        tracer = provider.get_tracer("application")
        with tracer.start_as_current_span("GET /invoice"):
            span = tracer.start_span("chat gpt-4.1")
            span.set_attribute("gen_ai.operation.name", "chat")
            span.set_attribute("gen_ai.provider.name", "openai")
            span.set_attribute("gen_ai.request.model", "gpt-4.1")
            span.end()
        assert provider.force_flush(20_000)
        provider.shutdown()
        (call,) = calls(process)
        assert (call["service"], call["request_model"]) == ("billing", "gpt-4.1")
        assert int(call["span_id"], 16) == span.get_span_context().span_id
        assert process.terminate()[0] == 0
