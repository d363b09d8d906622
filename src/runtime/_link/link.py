"""Looks after the link's thread: starts it, watches it, ends it before a fork."""

from __future__ import annotations

import logging
import random
import threading
from collections import Counter
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Tuple,
)

from arc_protocol.patterns import Origin
from arc_protocol.patterns.decision import Failure, Fault
from runtime._guard import Guard
from runtime._link.shelf import Shelf
from runtime._patterns import PatternRegistry
from runtime._telemetry import forks, greenlets

if TYPE_CHECKING:
    from runtime._link.reports import Identity
    from runtime._link.session import Session

_logger = logging.getLogger("arc")

_IDLE_S = 1.0
_STUMBLES = 5
"""Calls on which a pushed pattern may fail until it is switched off."""
_MAX_REASON = 300
_END_WITHIN_S = 0.25
_SETTINGS = (
    "endpoint",
    "api_key",
    "headers",
    "policy",
    "heal",
    "mode",
    "trusted_key",
    "cache_dir",
    "service_name",
    "tls_ca",
    "tls_cert",
    "tls_key",
)


class LinkState(NamedTuple):
    """How it stands with the patterns of Core."""

    state: str
    """off; waiting, for the first call; connecting; connected; unreachable; refused;
    unsupported, where the endpoint takes telemetry alone; or inherited, in a forked child that has
    the patterns which its parent receives."""
    version: int
    """Of the set in force; 0 for none."""
    patterns: int
    """Pushed patterns in force."""
    stale: bool
    """Whether there are some that Core does not confirm now, such as those from disk."""
    refused: Mapping[str, str]
    """Patterns that are not in force as Core offered them, and why."""


class Link:
    """Brings Core's patterns into force. All of it is for the worker's thread, but for `status`.

    `identity` gives the attributes of this process, `sdks` are the names of those that Arc knows,
    `losses` gives how much telemetry was lost so far, by reason.
    """

    def __init__(
        self,
        registry: PatternRegistry,
        guard: Guard,
        *,
        identity: Callable[[], Identity],
        sdks: Iterable[str],
        losses: Callable[[], Mapping[str, int]] = dict,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.settings: Any = None
        """The settings in force; replaced as a whole, taken up by the next `pump`; None: none."""
        self._guard = guard
        self._identity = identity
        self._sdks = sdks
        self._losses = losses
        self._jitter = jitter
        self._shelf = Shelf(registry)
        self._inherited: List[Any] = []
        self._applied: Any = None
        self._called = False
        self._explained = ""
        self._by_http = False
        self._stumbles: Counter[Tuple[str, int]] = Counter()
        self._session: Optional[Session] = None
        self._thread: Optional[threading.Thread] = None

    def status(self) -> LinkState:
        """Return how it stands; for any thread."""
        session, holding = self._session, self._shelf.holding
        confirmed = session is not None and session.confirmed
        return LinkState(
            state=session.state if session is not None else self._idle_state,
            version=holding.id.version if holding.id is not None else 0,
            patterns=len(holding.patterns),
            stale=bool(holding.held) and not confirmed,
            refused={
                name: refused.reason
                for name, refused in {**holding.disabled, **holding.refused}.items()
            },
        )

    @property
    def _idle_state(self) -> str:
        return "unsupported" if self._by_http else "off"

    def called(self) -> None:
        """Say that the application has made a call."""
        self._called = True
        if self._session is not None:
            self._session.called()

    def stumbled(self, failures: Iterable[Failure]) -> None:
        """Take note of patterns that a call could not be matched with, or fixed by.

        A pushed one that makes Arc stumble again and again is switched off in this process.
        """
        for pattern, reason in failures:
            if pattern.origin is not Origin.PUSHED or not isinstance(reason, Fault):
                continue
            name, revision = which = pattern.name, pattern.revision
            self._stumbles[which] += 1
            why = f"It has failed on {_STUMBLES} calls, the last time as: {reason}"[:_MAX_REASON]
            if self._stumbles[which] == _STUMBLES and self._shelf.disable(name, revision, why):
                _logger.warning(
                    "The pushed pattern %s, revision %d, is switched off in this process. %s",
                    name,
                    revision,
                    why,
                )

    def pump(self) -> float:
        """See that the thread is as it should be; return the seconds until the next time."""
        settings, before = self.settings, self._applied
        if settings is None:
            return _IDLE_S
        if settings is not before:
            self._applied = settings
            if before is None or any(before.values[k] != settings.values[k] for k in _SETTINGS):
                self.suspend()
        if self._session is not None:
            self._session.watch()
            return _IDLE_S
        receiver = settings.receiver()
        self._by_http = receiver is not None and receiver.http
        if receiver is None or self._by_http:
            if self._shelf.holding.held:
                self._shelf.clear()
            if self._by_http:
                self._explain(
                    f"{receiver} gets telemetry, but no patterns come from there, as Arc Core "
                    "pushes them by gRPC alone: those that are built in or registered are in force."
                )
        elif greenlets.are_threads():
            self._explain(
                "Patterns of Arc Core are not received where gevent has replaced threads, as "
                "waiting for them would stop the whole program."
            )
        else:
            self._start(settings)
        return _IDLE_S

    def suspend(self) -> None:
        """End the thread and the connection; the next `pump` starts them again."""
        session, thread = self._session, self._thread
        self._session = self._thread = None
        if session is not None and thread is not None:
            session.end()
            thread.join(_END_WITHIN_S)

    def close(self) -> None:
        """End for good; a late item may still wake the worker."""
        self.settings = None
        self.suspend()

    def forget(self) -> None:
        """Be new in a forked child, with the patterns that the parent had in force."""
        # what is gRPC's must not be touched here, not even deleted
        self._inherited += [self._session, self._thread]
        self._session = self._thread = None
        self._applied = None
        self._called = False
        self._stumbles.clear()
        self._shelf.forget()

    def _explain(self, why: str) -> None:
        if self._explained != why:
            self._explained = why
            _logger.info("%s", why)

    def _start(self, settings: Any) -> None:
        # 30 ms to import: not on the caller's thread
        from runtime._link.session import Session

        self._session = session = Session(
            settings,
            self._shelf,
            identity=self._identity,
            sdks=self._sdks,
            losses=self._losses,
            jitter=self._jitter,
            called=self._called or forks.are_survived(),
        )
        self._thread = threading.Thread(
            target=self._run, args=(session,), name="arc-link", daemon=True
        )
        self._thread.start()

    def _run(self, session: Session) -> None:
        try:
            session.run()
        except Exception as fault:
            self._guard.caught("link", fault)
            session.state = "off"
