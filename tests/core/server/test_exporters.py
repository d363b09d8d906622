"""Applications without Arc Runtime send by the exporters of OpenTelemetry."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

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


PROGRAM = """
import os, sys
import openai
from runtime import Arc
arc = Arc()
with openai.OpenAI(base_url=sys.argv[1], api_key="k") as client:
    client.chat.completions.create(
        model="gpt-4.1", temperature=0.95, messages=[{"role": "user", "content": "Hi"}]
    )
assert arc.flush(20)
assert arc.faults() == {}, arc.faults()
"""


def test_the_runtime_delivers_by_http(tmp_path: Path, space: Any) -> None:
    """The port of REST is its endpoint: the call is there with its fix, and no link."""
    with core(tmp_path) as process:
        secret = post(process, "/api/v1/keys", {"name": "runtime"})["secret"]
        environment = {"ARC_ENDPOINT": process.http_url, "ARC_API_KEY": secret}
        subprocess.run(
            [sys.executable, "-c", PROGRAM, space.base_url],
            env={**os.environ, **environment, "ARC_METRICS_PORT": "0"},
            check=True,
            timeout=60,
        )
        (call,) = calls(process)
        assert (call["request_model"], call["fix_outcome"]) == ("gpt-4.1", "applied")
        assert process.terminate()[0] == 0


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
