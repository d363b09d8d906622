"""What the link's thread does: connects, listens, and knows when to connect again."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from typing import Any, Callable, Iterable, Mapping, Optional

from arc_protocol.wire import sync_pb2
from runtime._endpoint import Endpoint
from runtime._link import reports
from runtime._link.holding import SetRefusedError
from runtime._link.shelf import Shelf
from runtime._link.stream import Stream
from runtime._telemetry import channels, forks
from runtime._telemetry.retry import Backoff, requested_delay_s
from runtime._telemetry.tls import TlsFileError, TlsFiles

_logger = logging.getLogger("arc")

_HEALTHY_S = 60.0
"""A stream that lived so long was a good one: the next failure is the first again."""
_CLEAN_S = 1.0
"""Shortest wait after Core, or a proxy in front of it, has ended a stream well."""
_REFUSED_S = 300.0
"""Wait after an answer that asking again would not change, such as a wrong key."""
_LONGEST_WAIT_S = 600.0
_FOLLOW_S = 1.0
_LOSSES_EVERY_S = 10.0
"""So often at most Core is told that more telemetry was lost."""
_YIELD_EVERY = 32
"""Patterns after which other threads get their turn."""


class EndedError(Exception):
    """The session is over while it was at work."""


class Session:
    """One thread's life under one choice of settings; `run` is its body, the rest is for others."""

    def __init__(
        self,
        settings: Any,
        shelf: Shelf,
        *,
        identity: Callable[[], reports.Identity],
        sdks: Iterable[str],
        losses: Callable[[], Mapping[str, int]],
        jitter: Callable[[], float],
        called: bool,
    ) -> None:
        self._settings = settings
        self._endpoint: Endpoint = settings.receiver()
        self._shelf = shelf
        self._identity = identity
        self._sdks = sdks
        self._losses = losses
        self._jitter = jitter
        self._backoff = Backoff(jitter)
        self._called = called
        self._wake = threading.Event()
        self._over = False
        self._judged = 0
        self._stream: Optional[Stream] = None
        self._told: Any = None
        self._told_losses: Mapping[str, int] = {}
        self._tell_losses_at = 0.0
        self._welcomed_at = 0.0
        self._retry_after_s: Optional[float] = None
        self._why = ""
        self.state = "waiting"
        """waiting, connecting, connected, unreachable, refused, unsupported or inherited."""
        self.confirmed = False
        """Whether Core says now that what is in force is what it wants."""

    def run(self) -> None:
        """Put in force what is on disk, then stay connected until `end`."""
        try:
            settings = self._settings
            self._shelf.prepare(
                self._endpoint,
                settings.api_key,
                settings.policy,
                settings.cache_dir,
                settings.trusted_key,
                self._breathe,
            )
            if forks.forbid_grpc():
                self._follow()
            while not (self._called or self._over):
                self._wait(None)
            while not self._over:
                self._wait(self._converse())
        except EndedError:
            pass

    def end(self) -> None:
        """End soon; from any thread."""
        self._over = True
        self._wake.set()
        stream = self._stream
        if stream is not None:
            stream.end()

    def called(self) -> None:
        """Say that the application has made a call."""
        if not self._called:
            self._called = True
            self._wake.set()

    def watch(self) -> None:
        """End a stream that has gone silent, and tell Core what is out of force meanwhile."""
        stream = self._stream
        if stream is None:
            return
        if stream.silent:
            _logger.debug("Nothing comes from %s any more: connecting again.", self._endpoint)
            stream.end()
        elif self.confirmed and (self._out_of_force() != self._told or self._has_lost_more()):
            self._report(stream)

    def _wait(self, delay_s: Optional[float]) -> None:
        self._wake.wait(delay_s)
        if not self._over:
            self._wake.clear()

    def _breathe(self) -> None:
        if self._over:
            raise EndedError
        self._judged += 1
        if not self._judged % _YIELD_EVERY:
            time.sleep(0)
            stream = self._stream
            if stream is not None:
                stream.heard()

    def _follow(self) -> None:
        """Put in force what others on this machine are sent, such as the parent of this process."""
        self.state = "inherited"
        while not self._over:
            self._wait(_FOLLOW_S)
            self._shelf.follow(self._breathe)

    def _converse(self) -> float:
        """Open a stream and follow it to its end; return the seconds until the next one."""
        settings, endpoint = self._settings, self._endpoint
        self._retry_after_s, self._welcomed_at = None, 0.0
        stream = self._stream = Stream()
        if self.state == "waiting":
            self.state = "connecting"
        tls = TlsFiles.of(settings)
        headers = channels.headers(settings.api_key, settings.headers or ())
        hello = reports.hello(
            self._identity(),
            self._sdks,
            self._shelf.holding,
            self._shelf.overridden(),
            heals=settings.heals,
        )
        try:
            heard = stream.open(endpoint, tls, headers, hello)
            with contextlib.closing(heard):
                for message in heard:
                    self._listen(stream, message)
        except EndedError:
            raise
        except TlsFileError as problem:
            return self._unusable(str(problem))
        except Exception as failure:
            if not callable(getattr(failure, "code", None)):
                raise  # a fault of ours
            return self._failed(failure)
        finally:
            self._stream, self.confirmed = None, False
            stream.end()
        return self._ended_well()

    def _listen(self, stream: Stream, message: sync_pb2.FromCore) -> None:
        kind = message.WhichOneof("message")
        if kind == "welcome":
            self._welcomed_at = time.monotonic()
            stream.heartbeat(message.welcome.heartbeat_s)
            if self._why:
                _logger.info("%s sends patterns again.", self._endpoint)
            self.state, self._why = "connected", ""
            _logger.debug(
                "Linked to Arc Core %s at %s, project %s.",
                message.welcome.core_version,
                self._endpoint,
                message.welcome.project,
            )
        elif kind == "pattern_set":
            self._take(stream, message.pattern_set)
        elif kind == "current":
            if self._shelf.confirm(reports.set_id(message.current.set)):
                self._report(stream)
            else:
                stream.end()
        elif kind == "goodbye":
            self._retry_after_s = message.goodbye.retry_after_ms / 1000

    def _take(self, stream: Stream, message: sync_pb2.PatternSet) -> None:
        offered = reports.set_id(message.set)
        before = self._shelf.holding
        try:
            changed = self._shelf.take(
                offered, reports.entries(message), reports.signature(message), self._breathe
            )
        except SetRefusedError as problem:
            _logger.warning(
                "Arc Core's patterns of version %d are refused: %s. Those before stay in force.",
                offered.version,
                problem,
            )
            stream.send(reports.refused(offered, str(problem)))
            return
        stream.heard()
        self._report(stream)
        after = self._shelf.holding
        for name, refused in after.refused.items():
            if before.refused.get(name) != refused:
                kept = after.held.get(name)
                _logger.warning(
                    "The pushed pattern %s, revision %d, is refused: %s%s",
                    name,
                    refused.revision,
                    refused.reason,
                    f" Revision {kept.entry.revision} stays in force." if kept else "",
                )
        if changed:
            _logger.info(
                "Patterns of Arc Core, version %d: %d in force, %d refused.",
                offered.version,
                len(after.held),
                len(after.refused),
            )

    def _report(self, stream: Stream) -> None:
        self._told, losses = self._out_of_force(), dict(self._losses())
        if losses != self._told_losses:
            self._told_losses = losses
            self._tell_losses_at = time.monotonic() + _LOSSES_EVERY_S
        self.confirmed = True  # before the report: who has that may look
        stream.send(reports.applied(self._shelf.holding, self._shelf.overridden(), losses))

    def _has_lost_more(self) -> bool:
        """Tell whether Core has to be told of telemetry that it will not get."""
        return time.monotonic() >= self._tell_losses_at and self._losses() != self._told_losses

    def _out_of_force(self) -> Any:
        """Return what this process itself has put out of force."""
        return self._shelf.overridden(), self._shelf.holding.disabled

    def _ended_well(self) -> float:
        self._lost()
        return max(_CLEAN_S, self._next_delay_s(self._retry_after_s))

    def _failed(self, failure: Any) -> float:
        code, details = failure.code().name, failure.details() or "no reason given"
        _logger.debug("The link to %s has failed: %s, %s", self._endpoint, code, details)
        if code == "UNIMPLEMENTED":
            self.state = "unsupported"
            return _REFUSED_S
        if code in ("UNAUTHENTICATED", "PERMISSION_DENIED"):
            return self._refused(f"it answered {code}: {details}")
        self._lost()
        asked_s = self._retry_after_s
        if asked_s is None:
            asked_s = requested_delay_s(failure.trailing_metadata())
        return self._next_delay_s(asked_s)

    def _unusable(self, why: str) -> float:
        # the sentence about it comes with the telemetry, which goes the same way
        _logger.debug("There is no link to %s: %s.", self._endpoint, why)
        self.state = "refused"
        return _REFUSED_S

    def _refused(self, why: str) -> float:
        if self._why != why:
            _logger.warning(
                "Patterns cannot be received from %s: %s. Those in force stay so; Arc asks again "
                "every 5 minutes.",
                self._endpoint,
                why[:300].rstrip("."),
            )
        self.state, self._why = "refused", why
        return _REFUSED_S

    def _lost(self) -> None:
        if self.state == "connected" and not self._over:
            _logger.info(
                "The link to Arc Core at %s has ended; its patterns stay in force.", self._endpoint
            )
        self.state = "unreachable"

    def _next_delay_s(self, asked_s: Optional[float]) -> float:
        if self._welcomed_at and time.monotonic() - self._welcomed_at >= _HEALTHY_S:
            self._backoff.reset()
        if asked_s is None:
            return self._backoff.next_delay_s()
        # not before it was asked for, and not all at the same time either
        return min(asked_s * (1 + 0.5 * self._jitter()), _LONGEST_WAIT_S)
