"""What Arc counts, for Prometheus, on a registry of its own."""

from __future__ import annotations

from typing import Any, Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, make_wsgi_app

from arc_protocol import semconv
from runtime._calls import FinishedCall

_BUCKETS_MS = (0.001, 0.002, 0.003, 0.005, 0.008, 0.011, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)
"""0.011 ms is the promise for the 99th percentile."""


class Metrics:
    """Counters of this process. `refresh` is called before each scrape is answered."""

    def __init__(
        self, refresh: Callable[[], Any], faults: Callable[[], Mapping[str, int]] = dict
    ) -> None:
        self._refresh = refresh
        self._faults = faults
        self._counted_faults: Mapping[str, int] = {}
        self.registry = registry = CollectorRegistry()
        self._requests = Counter(
            "arc_requests_intercepted", "Requests that Arc intercepted", registry=registry
        )
        self._matches = Counter(
            "arc_pattern_matches", "Patterns that matched a request", registry=registry
        )
        self._fixes = Counter(
            "arc_fixes_applied", "Fixes that changed a request", registry=registry
        )
        self._latency = Histogram(
            "arc_interception_latency_ms",
            "Time that Arc took on the caller's thread, in milliseconds",
            buckets=_BUCKETS_MS,
            registry=registry,
        )
        self._by_pattern = Counter(
            "arc_pattern_outcomes",
            "What patterns did, by pattern and outcome (applied, shadow, skipped, error)",
            ["pattern", "outcome"],
            registry=registry,
        )
        self._tokens = Counter(
            "arc_tokens", "Tokens that providers reported", ["direction"], registry=registry
        )
        self._tokens_by_attribute = [
            (name, self._tokens.labels(direction))
            for direction, name in (
                ("input", semconv.USAGE_INPUT_TOKENS),
                ("output", semconv.USAGE_OUTPUT_TOKENS),
            )
        ]
        self._errors = Counter(
            "arc_call_errors", "Calls that raised", ["error_type"], registry=registry
        )
        self._heals = Counter(
            "arc_heals",
            "Calls that had failed and were, or might not be, sent again, by attempt and outcome",
            ["attempt", "outcome"],
            registry=registry,
        )
        self._dropped = Counter(
            "arc_telemetry_dropped", "Spans that were not delivered", ["reason"], registry=registry
        )
        self._own_faults = Counter(
            "arc_faults", "Faults of Arc itself, by internal step", ["step"], registry=registry
        )
        self._sent = Gauge(
            "arc_telemetry_sent_spans", "Spans that the receiver accepted", registry=registry
        )
        self._waiting = Gauge(
            "arc_telemetry_waiting_spans", "Spans that wait for delivery", registry=registry
        )
        self._up = Gauge(
            "arc_telemetry_up", "1 when the receiver took the last telemetry", registry=registry
        )
        self._linked = Gauge("arc_link_up", "1 while Core can push patterns", registry=registry)
        self._refused = Gauge(
            "arc_patterns_refused",
            "Pushed patterns that were refused or switched off",
            registry=registry,
        )

    def observe(self, call: FinishedCall, attributes: Mapping[str, Any]) -> None:
        """Count one finished call."""
        self._requests.inc()
        self._latency.observe(call.overhead_s * 1e3)
        decision = call.decision
        if decision is not None:
            self._matches.inc(len(decision.matched))
            outcome = "applied" if call.enforced else "shadow"
            for pattern in decision.applied:
                self._by_pattern.labels(pattern.name, outcome).inc()
            if call.enforced:
                self._fixes.inc(len(decision.applied))
            for pattern, _ in decision.skipped:
                self._by_pattern.labels(pattern.name, "skipped").inc()
            for pattern, _ in decision.errors:
                self._by_pattern.labels(pattern.name, "error").inc()
        if call.error is not None:
            self._errors.labels(call.error.type).inc()
        if call.healing is not None:
            self._heals.labels(call.healing.attempt, call.healing.outcome).inc()
        for name, tokens in self._tokens_by_attribute:
            count = attributes.get(name)
            if isinstance(count, int) and count > 0:
                tokens.inc(count)

    def unobserved(self, count: int) -> None:
        """Count calls that were intercepted while the queue to the worker was full."""
        self._requests.inc(count)
        self.dropped("queue_full", count)

    def dropped(self, reason: str, count: int) -> None:
        """Count spans that will not be delivered."""
        self._dropped.labels(reason).inc(count)

    def delivery(self, *, sent: int, waiting: int, up: bool) -> None:
        """Take over the state of the exporter."""
        self._sent.set(sent)
        self._waiting.set(waiting)
        self._up.set(up)

    def link(self, *, up: bool, refused: int) -> None:
        """Take over the state of the link to Core."""
        self._linked.set(up)
        self._refused.set(refused)

    def app(self) -> Callable[..., Any]:
        """Return the WSGI application that answers scrapes."""
        metrics = make_wsgi_app(self.registry)

        def answer(environ: Any, start_response: Any) -> Any:
            self._refresh()
            faults = self._faults()
            for step, count in faults.items():
                self._own_faults.labels(step).inc(count - self._counted_faults.get(step, 0))
            self._counted_faults = faults
            return metrics(environ, start_response)

        return answer
