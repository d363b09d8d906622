"""What Arc counts, for Prometheus, on a registry of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Dict, Mapping, Optional

from arc_protocol import semconv
from runtime._calls import FinishedCall
from runtime._telemetry.counts import Collector

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

_BUCKETS_MS = (0.001, 0.002, 0.003, 0.005, 0.008, 0.011, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)
"""0.011 ms is the promise for the 99th percentile."""

_TOKENS = (("input", semconv.USAGE_INPUT_TOKENS), ("output", semconv.USAGE_OUTPUT_TOKENS))


class Metrics:
    """Counters of this process. `refresh` is called before each scrape is answered."""

    def __init__(
        self, refresh: Callable[[], Any], faults: Callable[[], Mapping[str, int]] = dict
    ) -> None:
        self._refresh = refresh
        self._faults = faults
        self._counted_faults: Mapping[str, int] = {}
        self._collector = made = Collector()
        self._requests = made.counts("arc_requests_intercepted", "Requests that Arc intercepted")
        self._matches = made.counts("arc_pattern_matches", "Patterns that matched a request")
        self._fixes = made.counts("arc_fixes_applied", "Fixes that changed a request")
        self._latency = made.distribution(
            "arc_interception_latency_ms",
            "Time that Arc took on the caller's thread, in milliseconds",
            _BUCKETS_MS,
        )
        self._by_pattern = made.counts(
            "arc_pattern_outcomes",
            "What patterns did, by pattern and outcome (applied, shadow, skipped, error)",
            ["pattern", "outcome"],
        )
        self._tokens = made.counts("arc_tokens", "Tokens that providers reported", ["direction"])
        self._errors = made.counts("arc_call_errors", "Calls that raised", ["error_type"])
        self._heals = made.counts(
            "arc_heals",
            "Calls that had failed and were, or might not be, sent again, by attempt and outcome",
            ["attempt", "outcome"],
        )
        self._dropped = made.counts(
            "arc_telemetry_dropped", "Spans that were not delivered", ["reason"]
        )
        self._unredacted = made.counts(
            "arc_redaction_failures", "Calls and feedback whose texts the redact hook did not take"
        )
        self._own_faults = made.counts(
            "arc_faults", "Faults of Arc itself, by internal step", ["step"]
        )
        self._sent = made.state("arc_telemetry_sent_spans", "Spans that the receiver accepted")
        self._waiting = made.state("arc_telemetry_waiting_spans", "Spans that wait for delivery")
        self._up = made.state("arc_telemetry_up", "1 when the receiver took the last telemetry")
        self._linked = made.state("arc_link_up", "1 while Core can push patterns")
        self._refused = made.state(
            "arc_patterns_refused",
            "Pushed patterns that were refused or switched off",
        )

    def observe(self, call: FinishedCall, attributes: Mapping[str, Any]) -> None:
        """Count one finished call."""
        self._requests.add(1)
        self._latency.add(call.overhead_s * 1e3)
        decision = call.decision
        if decision is not None:
            self._matches.add(len(decision.matched))
            outcome = "applied" if call.enforced else "shadow"
            for pattern in decision.applied:
                self._by_pattern.add(1, pattern.name, outcome)
            if call.enforced:
                self._fixes.add(len(decision.applied))
            for pattern, _ in decision.skipped:
                self._by_pattern.add(1, pattern.name, "skipped")
            for pattern, _ in decision.errors:
                self._by_pattern.add(1, pattern.name, "error")
        if call.error is not None:
            self._errors.add(1, call.error.type)
        if call.healing is not None:
            self._heals.add(1, call.healing.attempt, call.healing.outcome)
        for direction, name in _TOKENS:
            count = attributes.get(name)
            if isinstance(count, int) and count > 0:
                self._tokens.add(count, direction)

    def unobserved(self, count: int) -> None:
        """Count calls that were intercepted while the queue to the worker was full."""
        self._requests.add(count)
        self.dropped("queue_full", count)

    def dropped(self, reason: str, count: int) -> None:
        """Count spans that will not be delivered."""
        self._dropped.add(count, reason)

    def losses(self) -> Dict[str, int]:
        """Return how many spans were not delivered so far, by reason; for any thread."""
        return {reason: count for (reason,), count in self._dropped.values().items()}

    def unredacted(self) -> None:
        """Count a call or feedback whose texts stay at home as the redact hook failed."""
        self._unredacted.add(1)

    def delivery(self, *, sent: int, waiting: int, up: bool) -> None:
        """Take over the state of the exporter."""
        self._sent.value = sent
        self._waiting.value = waiting
        self._up.value = up

    def link(self, *, up: bool, refused: int) -> None:
        """Take over the state of the link to Core."""
        self._linked.value = up
        self._refused.value = refused

    def registry(self) -> CollectorRegistry:
        """Return a registry of `prometheus_client` that holds all metrics."""
        from prometheus_client import CollectorRegistry

        registry = CollectorRegistry()
        registry.register(self._collector)
        return registry

    def app(self) -> Callable[..., Any]:
        """Return the WSGI application that answers scrapes."""
        metrics: Optional[Callable[..., Any]] = None

        def answer(environ: Any, start_response: Any) -> Any:
            nonlocal metrics
            if metrics is None:
                from prometheus_client import make_wsgi_app

                metrics = make_wsgi_app(self.registry())
            self._refresh()
            faults = self._faults()
            for step, count in faults.items():
                self._own_faults.add(count - self._counted_faults.get(step, 0), step)
            self._counted_faults = faults
            return metrics(environ, start_response)

        return answer
