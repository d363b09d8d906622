"""Gives the application's own tracer provider, if it has one, the spans of its calls."""

from __future__ import annotations

import contextvars
import sys
from typing import Any, Mapping, Optional, Tuple

from arc_protocol import semconv
from arc_protocol.version import __version__
from runtime._calls import FinishedCall
from runtime._telemetry.description import Description
from runtime._values import CACHE_CREATION

_OLDER = "gen_ai.usage.cache_creation.input_tokens"
_SUPPRESSING = ("suppress_instrumentation", "opentelemetry.genai.client.inference.context")
"""Context keys by which another instrumentation says that a call has its span already."""


def current_span_context(context: contextvars.Context) -> Any:
    """Return the context of the application's span around a call, or None."""
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return None
    span_context = context.run(trace.get_current_span).get_span_context()
    return span_context if span_context.is_valid else None


def is_told_by_others(call: FinishedCall) -> bool:
    """Tell whether another instrumentation tells of this call, or none shall."""
    if call.instrumented_by is not None:
        return True
    context: Any = sys.modules.get("opentelemetry.context")
    return context is not None and any(
        call.context.run(context.get_value, key) for key in _SUPPRESSING
    )


def record(
    description: Description, *, capture_content: bool, compat: Optional[str] = None
) -> Optional[Tuple[int, int]]:
    """Make the call's span in the application's provider; return its trace and span id.

    With `compat` cache_creation, tokens written to the cache have their older name: some readers
    know no other, and would take both for different tokens.

    Nothing is made, and None returned, when the application does not trace, or when another
    instrumentation makes a span for this very call.
    """
    trace: Any = sys.modules.get("opentelemetry.trace")
    if trace is None or is_told_by_others(description.call):
        return None
    provider = trace.get_tracer_provider()
    if isinstance(provider, (trace.ProxyTracerProvider, trace.NoOpTracerProvider)):
        return None
    tracer = provider.get_tracer("arc.runtime", __version__)
    attributes = description.all_attributes(capture_content=capture_content)
    if compat == CACHE_CREATION and semconv.USAGE_CACHE_WRITE_INPUT_TOKENS in attributes:
        attributes[_OLDER] = attributes.pop(semconv.USAGE_CACHE_WRITE_INPUT_TOKENS)
    span = description.call.context.run(_span, trace, tracer, description, attributes)
    span_context = span.get_span_context()
    return (span_context.trace_id, span_context.span_id) if span_context.is_valid else None


def _span(trace: Any, tracer: Any, description: Description, attributes: Mapping[str, Any]) -> Any:
    span = tracer.start_span(
        description.name,
        kind=trace.SpanKind.CLIENT,
        attributes=attributes,
        start_time=description.call.started_ns,
    )
    if description.failure is not None:
        span.set_status(trace.Status(trace.StatusCode.ERROR, description.failure))
    event = description.exception_event()
    if event is not None:
        span.add_event("exception", event, timestamp=description.ended_ns)
    span.end(end_time=description.ended_ns)
    return span
