"""What the worker does with calls that have ended: metrics, the application's span, our span."""

from __future__ import annotations

import logging
import os
import time
import uuid
from typing import Any, Iterable, List, Mapping, Optional, Tuple

from arc_protocol import semconv
from arc_protocol.patterns import Decision
from runtime import _otel
from runtime._calls import FinishedCall
from runtime._feedback import Feedback
from runtime._flow import PENDING, ChunkSlice, Exchange
from runtime._guard import Guard
from runtime._telemetry import spans, tracer
from runtime._telemetry.description import Description, describe, told
from runtime._telemetry.failures import Failures
from runtime._telemetry.feedback import Judgements
from runtime._telemetry.meter import Measures
from runtime._telemetry.metrics import Metrics
from runtime._telemetry.otlp import Exporter
from runtime._telemetry.redaction import Redaction
from runtime._telemetry.resource import resource
from runtime._telemetry.spool import Spool
from runtime._telemetry.tls import TlsFiles
from runtime._values import AUTO

_logger = logging.getLogger("arc")

_PENDING_LIMIT_S = 60.0
"""How long a raw response may stay unread before its call is reported without its reply."""
_SCRAPE_WAIT_S = 0.5
_IDLE_S = 1.0
_LAST_WORDS_S = 0.5
_EXPORT_SETTINGS = (
    "endpoint",
    "api_key",
    "headers",
    "capture_content",
    "service_name",
    "tls_ca",
    "tls_cert",
    "tls_key",
    "cache_dir",
    "spool",
)


class Pipeline:
    """Turns exchanges into telemetry, on the worker's thread."""

    def __init__(self, guard: Guard) -> None:
        self.worker: Any = None
        """Whoever calls this; set before the first call."""
        self.settings: Any = None
        """The settings in force; replaced as a whole, taken up by the next `pump`."""
        self.link: Any = None
        """Whoever brings patterns from Core; its `status` goes into the metrics."""
        self._guard = guard
        self._exporter: Optional[Exporter] = None
        self._inherited: List[Any] = []
        self.forget()

    def forget(self) -> None:
        """Be new in a forked child: threads and connections belong to the parent."""
        self.runtime_id = str(uuid.uuid4())
        """Which process this is, to whoever gets its telemetry."""
        self._applied: Any = None
        self._metrics: Any = None
        self._server: Any = None
        # where no hooks ran before the fork it has a channel, not to be touched even by deleting it
        self._inherited.append(self._exporter)
        self._exporter = None
        self._redaction: Optional[Redaction] = None
        self._unread: List[Tuple[float, Exchange]] = []
        self._failures = Failures()
        self._judgements = Judgements()
        self._measures = Measures()
        # relates the clock that callers read to the wall clock
        self._epoch_ns = time.time_ns() - int(time.perf_counter() * 1e9)

    def losses(self) -> Mapping[str, int]:
        """Return how many spans were not delivered so far, by reason; for any thread."""
        metrics = self._metrics
        return metrics.losses() if metrics is not None else {}

    @property
    def metrics_url(self) -> Optional[str]:
        """Where metrics are served, if they are."""
        server = self._server
        return f"http://localhost:{server.port}/metrics" if server and server.port else None

    def _follow_settings(self) -> None:
        settings, before = self.settings, self._applied
        if settings is before:
            if self._server is None:  # stopped for a fork
                self._serve_metrics(settings.metrics_port)
            return
        self._applied = settings
        if self._metrics is None:
            self._metrics = Metrics(
                refresh=lambda: self.worker.catch_up(_SCRAPE_WAIT_S),
                faults=lambda: self._guard.counts,
            )
        if before is None or before.redact != settings.redact:
            hook, failed = settings.redact, self._metrics.unredacted
            self._redaction = None if hook is None else Redaction(hook, failed=failed)
        if before is None or before.metrics_port != settings.metrics_port:
            self._serve_metrics(settings.metrics_port)
        if before is None or any(before.values[k] != settings.values[k] for k in _EXPORT_SETTINGS):
            self._export_to(settings)

    def _serve_metrics(self, port: int) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None
        if port:
            from runtime._telemetry.metrics_server import MetricsServer

            self._server = MetricsServer(self._metrics.app(), port)
            self._server.start()

    def _export_to(self, settings: Any) -> None:
        if self._exporter is not None:
            self._exporter.drain(_LAST_WORDS_S)
            self._exporter.close()
            self._exporter = None
        endpoint = settings.receiver()
        self._captures_content = settings.capture_content
        if self._captures_content is None:
            self._captures_content = endpoint is not None and (
                endpoint.loopback or endpoint.explicit
            )
        if endpoint is not None:
            drops, spool = self._metrics.dropped, None
            if settings.spool:
                spool = Spool.of(endpoint, settings.api_key, settings.cache_dir, drops)
            self._exporter = Exporter(
                endpoint,
                api_key=settings.api_key,
                headers=settings.headers or (),
                resource=resource(settings.service_name, runtime_id=self.runtime_id),
                drops=drops,
                spool=spool,
                wake=self.worker.wake,
                tls=TlsFiles.of(settings),
            )

    def handle(self, item: Any) -> None:
        """Take one item from the queue."""
        self._follow_settings()
        if isinstance(item, ChunkSlice):
            item.exchange.fold(item.chunks)
            return
        if isinstance(item, Feedback):
            self._judge(item)
            return
        reply = self._reply(item)
        if reply is PENDING:
            self._unread.append((time.monotonic() + _PENDING_LIMIT_S, item))
        else:
            self._finish(item, reply)

    def pump(self) -> float:
        """Look after what waits; return the seconds until the next time."""
        self._follow_settings()
        waiting, self._unread = self._unread, []
        for deadline, exchange in waiting:
            reply = self._reply(exchange)
            if reply is not PENDING:
                self._finish(exchange, reply)
            elif time.monotonic() > deadline:
                self._finish(exchange, None)
            else:
                self._unread.append((deadline, exchange))
        self._count_drops()
        if self.link is not None:
            status = self.link.status()
            self._metrics.link(up=status.state == "connected", refused=len(status.refused))
        if self._exporter is None:
            return _IDLE_S
        wait_s = self._exporter.pump()
        self._metrics.delivery(
            sent=self._exporter.sent,
            waiting=self._exporter.waiting,
            up=self._exporter.state == "connected",
        )
        return wait_s

    def _count_drops(self) -> None:
        dropped, self.worker.dropped = self.worker.dropped, 0
        if dropped:
            self._metrics.unobserved(dropped)

    def drain(self, timeout_s: float) -> bool:
        """Send everything within the time given."""
        for _, exchange in self._unread:
            reply = self._reply(exchange)
            self._finish(exchange, None if reply is PENDING else reply)
        self._unread.clear()
        return True if self._exporter is None else self._exporter.drain(timeout_s)

    def suspend(self) -> None:
        """Leave no thread and no connection behind; the next `pump` starts them again."""
        if self._exporter is not None:
            self._exporter.suspend()
        if self._server is not None:
            self._server.stop()
            self._server = None

    def close(self) -> int:
        """End for good; return how many spans are lost by that."""
        self.suspend()
        lost = 0 if self._exporter is None else self._exporter.close()
        return lost + self._lost(len(self._unread))

    def abandon(self) -> int:
        """Give up what is lost if the worker never goes on; for any thread. Returns its number."""
        held = 0 if self._exporter is None else self._exporter.held
        return self._lost(len(self._unread) + held)

    def lose(self, items: Iterable[Any]) -> int:
        """Give up items that nobody will handle; return of how many calls they are."""
        return self._lost(sum(not isinstance(item, ChunkSlice) for item in items))

    def _lost(self, count: int) -> int:
        if count and self._metrics is not None:
            self._metrics.dropped("shutdown", count)
        return count

    def _reply(self, exchange: Exchange) -> Any:
        if exchange.stream:
            exchange.fold(exchange.chunks)
            exchange.chunks = []
            return exchange.folded
        return exchange.seam.parsed_body(exchange.reply)

    def _finish(self, exchange: Exchange, reply: Any) -> None:
        call = self._call(exchange, reply)
        description = describe(call)
        try:
            self._failures.note(description)
        except Exception as fault:  # the call is told of, whatever is in its reply
            self._guard.caught("detection", fault)
        self._metrics.observe(call, description.attributes)
        if _logger.isEnabledFor(logging.DEBUG):
            _logger.debug("%s", told(description))
        joins = self.settings.otel == AUTO
        own_trace = joins and _otel.captures_content(os.environ)
        if self._redaction is not None:
            leaves = self._captures_content or own_trace
            description = self._redaction.of_call(description, with_content=leaves)
        if call.decision is not None and call.decision.errors:
            self.link.stumbled(call.decision.errors)
        ids = self._told_to_the_application(description, own_trace) if joins else None
        if self._exporter is not None:
            capture = self._captures_content
            span = spans.encode(description, capture_content=capture, ids=ids)
            if call.api.fetches is None:
                self._judgements.remember(description.attributes.get(semconv.RESPONSE_ID), span)
            self._exporter.add(span)

    def _told_to_the_application(
        self, description: Description, capture_content: bool
    ) -> Optional[Tuple[int, int]]:
        """Give its own providers their span and measures; return the ids of the span, if any."""
        ids = None
        # what it has set up there is not ours
        try:
            compat = self.settings.otel_compat
            ids = tracer.record(description, capture_content=capture_content, compat=compat)
        except Exception as fault:
            self._guard.caught("tracer", fault)
        try:
            self._measures.record(description)
        except Exception as fault:
            self._guard.caught("meter", fault)
        return ids

    def _judge(self, feedback: Feedback) -> None:
        if self._exporter is not None:
            capture = self._captures_content
            if self._redaction is not None and capture:
                words = self._redaction.of_text(feedback.explanation)
                feedback = feedback._replace(explanation=words)
            self._exporter.add(self._judgements.encode(feedback, capture_content=capture))

    def _call(self, exchange: Exchange, reply: Any) -> FinishedCall:
        body, sent, decision = exchange.body, exchange.sent, exchange.decision
        history, name = exchange.history, exchange.api.history
        if history is not None and body[name] != history:
            # the application has gone on: what counts is the list as it was
            live = body[name]
            body = _restored(body, name, live, history)
            sent = _restored(sent, name, live, history)
            if decision is not None:
                proposed = _restored(decision.body, name, live, history)
                decision = Decision(
                    proposed,
                    decision.applied,
                    decision.matched,
                    decision.skipped,
                    decision.errors,
                    decision.assignment,
                )
        first_chunk_s = None
        if exchange.stream and exchange.first_chunk_at:
            first_chunk_s = exchange.first_chunk_at - exchange.started_at
        return FinishedCall(
            api=exchange.api,
            server=exchange.server,
            patterns=exchange.patterns,
            context=exchange.context,
            body=body,
            sent=sent,
            decision=decision,
            enforced=exchange.enforced,
            started_ns=self._epoch_ns + int(exchange.started_at * 1e9),
            duration_s=exchange.ended_at - exchange.started_at,
            overhead_s=exchange.overhead_s,
            stream=exchange.stream,
            first_chunk_s=first_chunk_s,
            abandoned=exchange.stream and exchange.abandoned,
            reply=reply,
            error=exchange.error,
            healing=exchange.healing,
            retries=exchange.retries(),
            served_model=exchange.served_model(),
            instrumented_by=exchange.seam.instrumented_by(exchange),
        )


def _restored(
    request: Mapping[str, Any], name: str, live: Any, history: List[Any]
) -> Mapping[str, Any]:
    """Return a request with the list as it was, unless a fix made another one of it."""
    return {**request, name: history} if request.get(name) is live else request
