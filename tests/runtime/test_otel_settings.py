"""What the application's own OpenTelemetry gets: `ARC_OTEL`, `ARC_OTEL_COMPAT`, measures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any, Dict

import pytest

from telemetry.receiver import Receiver

PROGRAM = """
import json, sys
import openai
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from runtime import Arc

spans, reader = InMemorySpanExporter(), InMemoryMetricReader()
tracing = TracerProvider()
tracing.add_span_processor(SimpleSpanProcessor(spans))
trace.set_tracer_provider(tracing)
metrics.set_meter_provider(MeterProvider([reader]))

Arc()
with openai.OpenAI(base_url=sys.argv[1], api_key="k", max_retries=0) as client:
    request = dict(model="gpt-4.1", messages=[{"role": "user", "content": "Hi"}])
    client.chat.completions.create(**request)
    try:
        client.chat.completions.create(**{**request, "model": "gpt-4o"}, temperature=3.5)
    except openai.BadRequestError:
        pass
assert Arc().flush(20)
assert Arc().faults() == {}, Arc().faults()
found = reader.get_metrics_data()
print(json.dumps({
    "spans": [dict(span.attributes) for span in spans.get_finished_spans()],
    "measures": {
        metric.name: [
            [point.count, point.sum, list(point.explicit_bounds), dict(point.attributes)]
            for point in metric.data.data_points
        ]
        for resource in (found.resource_metrics if found else ())
        for scope in resource.scope_metrics
        if scope.scope.name != "opentelemetry-sdk"  # what it says of itself
        for metric in scope.metrics
    },
}))
"""

TOKENS = "gen_ai.client.token.usage"
BAD_TEMPERATURE = {
    "id": "range",
    "match": {"all": [{"path": "temperature", "op": "gt", "value": 2}]},
    "outcome": {"kind": "error", "http_status": 400},
}
USAGE = {
    "prompt_tokens": 9,
    "completion_tokens": 3,
    "total_tokens": 12,
    "prompt_tokens_details": {"cache_write_tokens": 7},
}
CACHED = {"id": "cached", "outcome": {"kind": "soft", "response": {"usage": USAGE}}}


def told(receiver: Receiver, space: Any, **env: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, space.base_url],
        env={**os.environ, "ARC_ENDPOINT": receiver.endpoint, "ARC_METRICS_PORT": "0", **env},
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def test_application_with_metrics_gets_those_of_the_conventions(
    receiver: Receiver, space: Any
) -> None:
    """Stock dashboards read duration and tokens under these names, with these bounds."""
    space.rules([BAD_TEMPERATURE])
    found = told(receiver, space)
    assert len(found["spans"]) == len(receiver.spans) == 2
    measures: Dict[str, Any] = found["measures"]
    durations = measures["gen_ai.client.operation.duration"]
    assert [count for count, *_ in durations] == [1, 1]
    assert all(0 < total < 60 for _, total, *_ in durations)
    assert durations[0][2][:3] == [0.01, 0.02, 0.04]
    assert durations[0][2][-1] == 81.92
    by_error = {point[3].get("error.type"): point[3] for point in durations}
    assert set(by_error) == {None, "openai.BadRequestError"}
    fine = by_error[None]
    assert fine["gen_ai.operation.name"] == "chat"
    assert fine["gen_ai.provider.name"] == "openai"
    assert fine["gen_ai.request.model"] == "gpt-4.1"
    assert fine["server.address"] == "127.0.0.1"
    tokens = {point[3]["gen_ai.token.type"]: point for point in measures[TOKENS]}
    assert set(tokens) == {"input", "output"}
    assert tokens["input"][2][:3] == [1, 4, 16]
    assert tokens["input"][1] > 0


def test_off_keeps_arc_out_of_it(receiver: Receiver, space: Any) -> None:
    """Core gets the calls all the same."""
    space.rules([BAD_TEMPERATURE])
    found = told(receiver, space, ARC_OTEL="off")
    assert found == {"spans": [], "measures": {}}
    assert len(receiver.spans) == 2


@pytest.mark.parametrize("value", ["", "cache_creation"])
def test_arc_otel_compat(receiver: Receiver, space: Any, value: str) -> None:
    """The application's provider gets the older name in the place of the newer; Core never."""
    space.rules([CACHED])
    found = told(receiver, space, **({"ARC_OTEL_COMPAT": value} if value else {}))
    newer = "gen_ai.usage.cache_write.input_tokens"
    older = "gen_ai.usage.cache_creation.input_tokens"
    (span, *_) = found["spans"]
    assert span.get(older if value else newer) == 7
    assert (newer if value else older) not in span
    sent = {each.key for each in receiver.spans[0].attributes}
    assert newer in sent
    assert older not in sent
