"""Delivers spans to an OTLP receiver without ever blocking or losing count."""

from __future__ import annotations

import logging
import random
import threading
import time
from typing import TYPE_CHECKING, Any, Callable, Optional, Tuple

from runtime._endpoint import Endpoint
from runtime._telemetry import channels, forks, greenlets
from runtime._telemetry.answers import AGAIN, TAKEN, TOO_LARGE, Answer, sender
from runtime._telemetry.batch import Batch
from runtime._telemetry.batches import BUFFER_LIMIT, Batches
from runtime._telemetry.channels import Headers
from runtime._telemetry.direct import no_more_threads
from runtime._telemetry.retry import Backoff
from runtime._telemetry.spool import Spool
from runtime._telemetry.tls import TlsFileError, TlsFiles

if TYPE_CHECKING:
    from opentelemetry.proto.resource.v1.resource_pb2 import Resource
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

_logger = logging.getLogger("arc")

_DEADLINE_S = 10.0
_LAST_DEADLINE_S = 1.0
"""Of a request that holds up the worker while the program ends, before it is asked to `drain`."""
_ANSWERED_WITHIN_S = 0.05
"""Wait before a request is given up for a fork: what has arrived already would come again."""
_IDLE_S = 1.0
_OTHERS_S = 0.05
"""Between two looks whether another process has delivered what this one has put on disk."""
_REFUSED_S = 60.0
"""Wait after an answer that sending again would not change, such as a wrong key."""


class Exporter:
    """Sends spans in batches, one request in flight; for one thread, which calls `pump`.

    `drops` is told a reason and a number of spans, `wake` is called from other threads when an
    answer has come.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        resource: Resource,
        drops: Callable[[str, int], None],
        wake: Callable[[], None],
        api_key: Optional[str] = None,
        headers: Headers = (),
        tls: Optional[TlsFiles] = None,
        buffer_limit: int = BUFFER_LIMIT,
        spool: Optional[Spool] = None,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._endpoint = endpoint
        tls = tls or TlsFiles()
        self._sender = sender(endpoint, tls, channels.headers(api_key, headers))
        self._batches = Batches(resource, drops, limit=buffer_limit, spool=spool)
        self._drops = drops
        self._wake = wake
        self._clock = clock
        self._backoff = Backoff(jitter)
        self._not_before = 0.0
        self._sending: Optional[Tuple[Any, Batch]] = None
        self._at_hand: Optional[Batch] = None
        self._answered = threading.Event()
        self._drain_until: Optional[float] = None
        self._warned_of_partial = False
        self._explained = False
        self._why = ""
        self.state = "idle"
        """idle, connected, unreachable or refused."""
        self.sent = 0
        """Spans that the receiver has accepted."""
        if tls.given and not endpoint.tls:
            _logger.warning(
                "The files in ARC_TLS_CA, ARC_TLS_CERT and ARC_TLS_KEY are not used, as %s means "
                "clear text; write %s for TLS.",
                endpoint,
                endpoint.secured,
            )
        if (api_key or headers) and not (endpoint.tls or endpoint.loopback):
            _logger.warning(
                "The %s to %s in clear text, as do all requests: write %s if TLS is served there.",
                "API key travels" if api_key else "headers in ARC_HEADERS travel",
                endpoint,
                endpoint.secured,
            )

    @property
    def waiting(self) -> int:
        """Spans of this process that wait for delivery, also those on disk."""
        return self.held + self._batches.kept

    @property
    def held(self) -> int:
        """Spans that are nowhere but in memory."""
        sending = self._sending[1] if self._sending else self._at_hand
        in_flight = sending.spans if sending and not sending.files else 0
        return self._batches.spans + in_flight

    def add(self, span: Span) -> None:
        """Take a span for delivery."""
        self._batches.add(span)

    def pump(self) -> float:
        """Take an answer that has come, send what is due; return seconds until the next time."""
        wait_s = self._pump(at_once=False)
        self._spill()
        return wait_s

    def _spill(self) -> None:
        if self.state == "unreachable":
            # at once, as the process may be killed at any moment
            self._batches.spill()

    def _pump(self, *, at_once: bool) -> float:
        if self._sender.uses_grpc and forks.forbid_grpc():
            self._leave()
            return _IDLE_S
        if self._sending is not None:
            call, batch = self._sending
            if not call.done():
                return _IDLE_S
            self._sending = None
            self._take_answer(call, batch)
        wait_s = self._not_before - self._clock()
        if wait_s > 0:
            return min(wait_s, _IDLE_S)
        batch_due = self._batches.take(at_once=at_once)
        if batch_due is not None:
            self._send(batch_due)
        return min(self._batches.wait_s, _IDLE_S)

    def drain(self, timeout_s: float) -> bool:
        """Deliver everything within the time given; a back-off under way is cut short once.

        A connection that has been good, or a request from before, may fail without saying much
        about the receiver: another one is tried at once.
        """
        self._drain_until = self._clock() + timeout_s
        try:
            return self._drain(self._drain_until)
        finally:
            self._drain_until = None

    def _drain(self, deadline: float) -> bool:
        if self._sender.uses_grpc and forks.forbid_grpc():
            self._leave()
            return True
        another = self._sending is not None or self.state == "connected"
        if self.state != "refused":
            self._not_before = 0.0
        while True:
            self._answered.clear()
            self._pump(at_once=True)
            left_s = deadline - self._clock()
            if self._sending is not None:
                if left_s <= 0:
                    return False
                if not self._sending[0].done():
                    self._answered.wait(left_s)
            elif self.waiting == 0:
                return True
            elif left_s <= 0 or self._not_before > self._clock():
                if left_s > 0 and another and self.state == "unreachable":
                    another, self._not_before = False, 0.0
                    continue
                self._spill()
                return False
            else:
                self._answered.wait(min(left_s, _OTHERS_S))

    def _leave(self) -> None:
        """Leave what there is to the process that this one was forked from."""
        lost = self._batches.leave()
        if lost:
            self._drops("forked", lost)
        if lost and not self._explained:
            self._explained = True
            _logger.warning(
                "Telemetry of this process is lost: it was forked from one that had used gRPC, so "
                "that it cannot before Python 3.10, and nothing can be left on disk for that one. "
                "Let ARC_SPOOL be on, or fork before the first call."
            )

    def suspend(self) -> None:
        """Close the connection, keeping what is not delivered; `pump` opens a new one."""
        if self._sending is not None:
            call, batch = self._sending
            self._sending = None
            self._answered.clear()
            if not call.done():
                self._answered.wait(_ANSWERED_WITHIN_S)
            if call.done():
                self._take_answer(call, batch)
            else:
                call.cancel()
                self._batches.put_back(batch)
        self._batches.release()
        self._sender.disconnect()

    def close(self) -> int:
        """End for good; what is not delivered goes to disk, or is lost and counted.

        Returns how many spans are lost.
        """
        self.suspend()
        self._batches.spill()
        lost = self._batches.spans
        if lost:
            self._drops("shutdown", lost)
        return lost

    def _send(self, batch: Batch) -> None:
        self._at_hand = batch  # while gRPC is imported, which may take longer than a program
        timeout_s = _DEADLINE_S
        last = no_more_threads()
        if last and not greenlets.are_threads():
            timeout_s = _LAST_DEADLINE_S
            if self._drain_until is not None:
                timeout_s = max(0.0, min(_DEADLINE_S, self._drain_until - self._clock()))
        try:
            call = self._sender.send(batch.payload, timeout_s=timeout_s, last=last)
        except TlsFileError as problem:
            self._refuse(batch, str(problem))
            return
        self._sending, self._at_hand = (call, batch), None
        call.add_done_callback(self._on_answer)

    def _on_answer(self, _call: Any) -> None:
        self._answered.set()
        self._wake()

    def _take_answer(self, call: Any, batch: Batch) -> None:
        answer = self._sender.answer(call)
        if answer.kind == TAKEN:
            self._delivered(answer, batch)
        elif answer.kind == AGAIN:
            self._batches.put_back(batch)
            own_s = self._backoff.next_delay_s()
            self._not_before = self._clock() + (own_s if answer.delay_s is None else answer.delay_s)
            if answer.delay_s is None:
                # a new connection is tried at once, where an old one has waits of its own
                self._sender.disconnect()
                self._unreachable(answer.why)
        elif answer.kind == TOO_LARGE:
            self._drop(batch, "too_large")
        else:
            self._refuse(batch, answer.why, for_good=answer.for_good)

    def _delivered(self, answer: Answer, batch: Batch) -> None:
        self._backoff.reset()
        self._batches.done(batch)
        rejected = min(answer.rejected, batch.spans)
        self.sent += batch.spans - rejected
        if rejected:
            self._drops("rejected", rejected)
        if (rejected or answer.why) and not self._warned_of_partial:
            self._warned_of_partial = True
            _logger.warning("%s rejected %d spans: %s", self._endpoint, rejected, answer.why)
        if self.state in ("unreachable", "refused"):
            _logger.info("%s takes telemetry again.", self._endpoint)
        self.state = "connected"

    def _unreachable(self, why: str) -> None:
        if (self.state, self._why) == ("unreachable", why):
            return
        self.state, self._why = "unreachable", why
        _logger.log(
            logging.WARNING if self._endpoint.explicit else logging.INFO,
            "%s is not reachable: %s. Calls stay protected; telemetry waits for it (%s) and is "
            "sent once it answers.",
            self._endpoint,
            why,
            self._batches.bounds,
        )

    def _drop(self, batch: Batch, reason: str) -> None:
        self._drops(reason, batch.spans)
        if batch.files:
            self._batches.done(batch)

    def _refuse(self, batch: Batch, why: str, *, for_good: bool = False) -> None:
        self._at_hand = None
        if batch.files and not for_good:
            self._batches.put_back(batch)
        else:
            self._drop(batch, "refused")
        self._not_before = self._clock() + _REFUSED_S
        if self.state != "refused":
            self.state = "refused"
            _logger.warning(
                "Telemetry cannot be delivered to %s: %s. Calls stay protected; Arc tries again "
                "every minute.",
                self._endpoint,
                why,
            )
