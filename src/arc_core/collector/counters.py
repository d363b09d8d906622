"""What the collector counts, for Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from arc_core.collector.spans import Reading

_INSERT_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Counters:
    """The collector's metrics in a registry; one per registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._accepted = Counter(
            "arc_core_spans_accepted", "Calls stored and acknowledged", registry=registry
        )
        self._ignored = Counter(
            "arc_core_spans_ignored", "Spans taken that are no LLM calls", registry=registry
        )
        self._feedback = Counter(
            "arc_core_feedback", "Feedback stored, by outcome", ["outcome"], registry=registry
        )
        self._rejected = Counter(
            "arc_core_spans_rejected", "Spans that cannot be stored", ["reason"], registry=registry
        )
        self._refused = Counter(
            "arc_core_requests_refused", "Whole requests refused", ["reason"], registry=registry
        )
        self.waiting_calls = Gauge(
            "arc_core_waiting_calls", "Calls that wait to be stored", registry=registry
        )
        self.waiting_bytes = Gauge(
            "arc_core_waiting_bytes", "Bytes of requests under way", registry=registry
        )
        self.insert_s = Histogram(
            "arc_core_insert_seconds",
            "Time of one insert into the store",
            buckets=_INSERT_BUCKETS_S,
            registry=registry,
        )

    def answered(self, reading: Reading) -> None:
        """Count the spans of a request that is acknowledged."""
        self._accepted.inc(len(reading.rows))
        for each in reading.feedback:
            self._feedback.labels(each.outcome or "neither").inc()
        if reading.ignored:
            self._ignored.inc(reading.ignored)
        for reason, count in reading.rejected.items():
            self._rejected.labels(reason).inc(count)

    def refused(self, reason: str) -> None:
        """Count a request that is refused."""
        self._refused.labels(reason).inc()
