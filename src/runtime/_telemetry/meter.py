"""Gives the application's own meter provider, if it has one, what the GenAI conventions measure."""

from __future__ import annotations

import sys
from typing import Any, Dict, Sequence

from arc_protocol import semconv
from arc_protocol.version import __version__
from runtime._telemetry import tracer
from runtime._telemetry.description import Description

_SECONDS = tuple(0.01 * 2**n for n in range(14))
_TOKENS = tuple(4**n for n in range(14))
"""Bounds of the conventions' histograms: 0.01 to 81.92 s, and 1 to 67,108,864 tokens."""
_DIMENSIONS = (
    semconv.OPERATION_NAME,
    semconv.PROVIDER_NAME,
    semconv.REQUEST_MODEL,
    semconv.RESPONSE_MODEL,
    semconv.SERVER_ADDRESS,
    semconv.SERVER_PORT,
)
_TOKEN_TYPE = "gen_ai.token.type"
_TYPES = (("input", semconv.USAGE_INPUT_TOKENS), ("output", semconv.USAGE_OUTPUT_TOKENS))


class Measures:
    """The instruments; for the worker's thread."""

    def __init__(self) -> None:
        self._provider: Any = None
        self._duration: Any = None
        self._tokens: Any = None
        self._first_chunk: Any = None

    def record(self, description: Description) -> None:
        """Measure a call, unless the application does not, or another instrumentation does."""
        metrics: Any = sys.modules.get("opentelemetry.metrics")
        call = description.call
        if metrics is None or tracer.is_told_by_others(call):
            return
        self._follow(metrics)
        told = description.attributes
        dimensions = {name: told[name] for name in _DIMENSIONS if name in told}
        error = {semconv.ERROR_TYPE: told[semconv.ERROR_TYPE]} if semconv.ERROR_TYPE in told else {}
        run = call.context.run
        run(self._duration.record, call.duration_s, {**dimensions, **error})
        if call.first_chunk_s is not None:
            run(self._first_chunk.record, call.first_chunk_s, dimensions)
        for kind, name in _TYPES:
            if name in told:
                run(self._tokens.record, told[name], {**dimensions, _TOKEN_TYPE: kind})

    def _follow(self, metrics: Any) -> None:
        provider = metrics.get_meter_provider()
        if provider is self._provider:
            return
        self._provider = provider
        meter = provider.get_meter("arc.runtime", __version__)
        self._duration = _histogram(
            meter, "gen_ai.client.operation.duration", "s", _SECONDS, "Duration of GenAI operations"
        )
        self._first_chunk = _histogram(
            meter,
            "gen_ai.client.operation.time_to_first_chunk",
            "s",
            _SECONDS,
            "Time until the first chunk of a stream",
        )
        self._tokens = _histogram(
            meter,
            "gen_ai.client.token.usage",
            "{token}",
            _TOKENS,
            "Tokens used by GenAI operations",
        )


def _histogram(meter: Any, name: str, unit: str, bounds: Sequence[float], description: str) -> Any:
    given: Dict[str, Any] = {"unit": unit, "description": description}
    try:
        return meter.create_histogram(name, explicit_bucket_boundaries_advisory=bounds, **given)
    except TypeError:  # OpenTelemetry before 1.30 takes no advice
        return meter.create_histogram(name, **given)
