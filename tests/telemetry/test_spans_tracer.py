"""Spans in the trace of the application, and in its own tracer provider."""

from __future__ import annotations

import contextvars
import subprocess
import sys
from typing import Any, Iterator

import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Sampler

from runtime._calls import CallError
from runtime._otel import captures_content
from runtime._telemetry.description import describe
from runtime._telemetry.spans import encode
from runtime._telemetry.tracer import record
from telemetry.calls import STARTED_NS, finished_call


class Application:
    """An application that traces with the OpenTelemetry SDK."""

    def __init__(self, sampler: Any = None) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(**({"sampler": sampler} if sampler else {}))
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    def call_inside(self, name: str, **fields: Any) -> Any:
        """Return a call that was made inside a span of this name, which has ended since."""
        with self.provider.get_tracer("app").start_as_current_span(name):
            return finished_call(context=contextvars.copy_context(), **fields)

    def span(self, name: str) -> Any:
        (found,) = [each for each in self.exporter.get_finished_spans() if each.name == name]
        return found


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Make an application's provider the global one; it can be set only once per process."""

    def make(sampler: Any = None) -> Application:
        application = Application(sampler)
        monkeypatch.setattr(trace, "get_tracer_provider", lambda: application.provider)
        return application

    return make


def test_the_current_span_of_the_application_is_the_parent() -> None:
    """Also when the application exports nowhere that Arc knows of."""
    application = Application()
    call = application.call_inside("agent run")
    span = encode(describe(call), capture_content=False)
    agent = application.span("agent run").context
    assert int.from_bytes(span.trace_id, "big") == agent.trace_id
    assert int.from_bytes(span.parent_span_id, "big") == agent.span_id


def test_an_application_with_a_provider_gets_the_same_span(traced: Any) -> None:
    """Back-dated, below the current span, and with the ids that our copy has."""
    application = traced()
    description = describe(application.call_inside("agent run"))
    ids = record(description, capture_content=False)
    span = application.span("chat gpt-4.1")
    assert ids == (span.context.trace_id, span.context.span_id)
    assert span.parent.span_id == application.span("agent run").context.span_id
    assert (span.start_time, span.end_time) == (STARTED_NS, STARTED_NS + 250_000_000)
    assert span.kind is trace.SpanKind.CLIENT
    ours = encode(description, capture_content=False, ids=ids)
    assert {each.key for each in ours.attributes} == {*span.attributes, "arc.request", "arc.turn"}
    assert int.from_bytes(ours.span_id, "big") == span.context.span_id
    assert int.from_bytes(ours.parent_span_id, "big") == span.parent.span_id


@pytest.mark.parametrize(
    ("compat", "name"),
    [(None, "cache_write.input_tokens"), ("cache_creation", "cache_creation.input_tokens")],
)
def test_tokens_written_to_the_cache_have_one_name_there(
    traced: Any, compat: Any, name: str
) -> None:
    """Readers that know the older one would count them twice if both were sent."""
    application = traced()
    usage = {"prompt_tokens": 9, "prompt_tokens_details": {"cache_write_tokens": 7}}
    call = application.call_inside("run", reply={"id": "c", "choices": [], "usage": usage})
    record(describe(call), capture_content=False, compat=compat)
    attributes = application.span("chat gpt-4.1").attributes
    found = {key: value for key, value in attributes.items() if ".cache_" in key}
    assert found == {f"gen_ai.usage.{name}": 7}


def test_a_failure_is_a_failure_there_too(traced: Any) -> None:
    """Status and exception event are the same in both."""
    application = traced()
    error = CallError("openai.RateLimitError", "Slow down", 429)
    record(
        describe(application.call_inside("agent run", reply=None, error=error)),
        capture_content=False,
    )
    span = application.span("chat gpt-4.1")
    assert span.status.status_code is trace.StatusCode.ERROR
    assert span.status.description == "Slow down"
    (event,) = span.events
    assert event.attributes["exception.type"] == "openai.RateLimitError"
    assert event.timestamp == span.end_time


@pytest.mark.parametrize("captured", [True, False])
def test_content_goes_there_only_when_asked(traced: Any, captured: bool) -> None:
    """An application's own backend is another receiver than Core."""
    application = traced()
    record(describe(application.call_inside("agent run")), capture_content=captured)
    found = "gen_ai.input.messages" in application.span("chat gpt-4.1").attributes
    assert found is captured


def test_a_trace_that_is_not_sampled_still_gives_its_ids(traced: Any) -> None:
    """Core gets every call, under the trace id that the application's logs show."""
    sampler: Sampler = ALWAYS_OFF
    application = traced(sampler)
    ids = record(describe(application.call_inside("agent run")), capture_content=False)
    assert ids is not None
    assert application.exporter.get_finished_spans() == ()


def test_a_call_that_is_instrumented_already_gets_no_second_span(traced: Any) -> None:
    """Two spans would count its tokens twice."""
    application = traced()
    call = application.call_inside(
        "agent run", instrumented_by="opentelemetry.instrumentation.openai"
    )
    assert record(describe(call), capture_content=False) is None
    assert [span.name for span in application.exporter.get_finished_spans()] == ["agent run"]


@pytest.mark.parametrize(
    "key", ["suppress_instrumentation", "opentelemetry.genai.client.inference.context"]
)
def test_a_suppressed_call_gets_no_second_span(traced: Any, key: str) -> None:
    """Another instrumentation says in the context that it takes care of this call."""
    application = traced()
    token = otel_context.attach(otel_context.set_value(key, True))
    try:
        call = finished_call(context=contextvars.copy_context())
    finally:
        otel_context.detach(token)
    assert record(describe(call), capture_content=False) is None
    assert application.exporter.get_finished_spans() == ()


def test_an_application_that_does_not_trace_gets_no_span() -> None:
    """The API alone, without a provider behind it, is no reason to make spans."""
    assert record(describe(finished_call()), capture_content=False) is None


def test_the_opentelemetry_api_is_never_imported_for_it() -> None:
    """An application that does not use it must not pay for it."""
    code = """
import sys
from runtime._telemetry.description import describe
from runtime._telemetry.spans import encode
from runtime._telemetry.tracer import record
from telemetry.calls import finished_call
heavy = [name for name in sys.modules if name.startswith(("opentelemetry", "google.protobuf"))]
assert not heavy, heavy
description = describe(finished_call())
encode(description, capture_content=True, ids=record(description, capture_content=True))
assert "opentelemetry.trace" not in sys.modules
"""
    paths = [path for path in sys.path if path]
    subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {paths!r}\n{code}"],
        check=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("value", "captured"),
    [
        ("SPAN_ONLY", True),
        ("span_and_event", True),
        ("EVENT_ONLY", False),
        ("NO_CONTENT", False),
        ("", False),
    ],
)
def test_the_shared_switch_for_content_is_understood(value: str, captured: bool) -> None:
    """Every GenAI instrumentation reads the same variable."""
    environ = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": value}
    assert captures_content(environ) is captured
