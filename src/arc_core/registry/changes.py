"""Tells subscribers of every change of what is in force, whichever process made it."""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import threading
from collections.abc import Callable

from sqlalchemy import func, select

from arc_core.registry import tables
from arc_core.registry.access import Access
from arc_core.registry.database import Database, Listener
from arc_core.registry.errors import RegistryError

log = logging.getLogger("arc.core.registry")

Subscriber = Callable[[str, int], None]
"""Gets a project and the version of its set."""

_LOOK_EVERY_S = 2.0
"""So late at most a change is seen of which no word came: one of another process on SQLite, or
while PostgreSQL's notifications are cut off."""


class Changes:
    """One thread that watches from the first subscription on, and calls subscribers in order."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._subscribers: list[Subscriber] = []
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._seen = 0
        self._stopped = False
        self._wake, self._woken = socket.socketpair()
        self._wake.setblocking(False)
        self._woken.setblocking(False)

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call `subscriber` after every commit from now on; return what ends that.

        Of several changes between two looks, the last one of each project is told.
        """
        with self._lock:
            if self._thread is None and not self._stopped:
                self._seen = self._newest()
                self._thread = threading.Thread(
                    target=self._watch, name="arc-registry-changes", daemon=True
                )
                self._thread.start()
            self._subscribers.append(subscriber)

        def unsubscribe() -> None:
            with self._lock, contextlib.suppress(ValueError):
                self._subscribers.remove(subscriber)

        return unsubscribe

    def committed(self) -> None:
        """Say that this process has changed something."""
        # full: the thread has not yet read earlier words; closed: nobody listens any more
        with contextlib.suppress(OSError):
            self._wake.send(b"\0")

    def close(self) -> None:
        """Stop the thread; no subscriber is called afterwards."""
        with self._lock:
            self._stopped = True
            self._subscribers.clear()
            thread = self._thread
        self.committed()
        if thread is not None and thread is not threading.current_thread():
            thread.join()
        self._wake.close()
        self._woken.close()

    def _watch(self) -> None:
        listener: Listener | None = None
        blind = False
        while not self._stopped:
            try:
                listener = listener or self._database.listener()
                self._tell()
                blind = False
            except RegistryError as problem:
                if not blind:
                    log.warning("Changes of patterns are not seen for now: %s", problem)
                blind = True
            if not self._heard(listener):
                listener = None
        if listener is not None:
            listener.close()

    def _heard(self, listener: Listener | None) -> bool:
        """Wait for a word, or until it is time to look; return whether the listener still listens.

        A selector, since `select` knows no more than 1,024 files.
        """
        with selectors.DefaultSelector() as selector:
            selector.register(self._woken, selectors.EVENT_READ)
            if listener is not None:
                selector.register(listener, selectors.EVENT_READ)
            ready = [key.fileobj for key, _ in selector.select(_LOOK_EVERY_S)]
        if self._woken in ready:
            self._woken.recv(65536)
        if listener in ready and listener is not None:
            try:
                listener.take()
            except ConnectionError:
                listener.close()
                return False
        return True

    def _tell(self) -> None:
        change = tables.change
        latest = (
            select(func.max(change.c.revision), change.c.project, func.max(change.c.set_version))
            .where(change.c.revision > self._seen)
            .group_by(change.c.project)
            .order_by(func.max(change.c.revision))
        )
        with self._database.transaction(Access.READ) as connection:
            found = [tuple(row) for row in connection.execute(latest)]
        for revision, project, version in found:
            self._seen = revision
            with self._lock:
                subscribers = [*self._subscribers]
            for subscriber in subscribers:
                _call(subscriber, project, version)

    def _newest(self) -> int:
        newest = select(tables.registry.c.revision)
        with self._database.transaction(Access.READ) as connection:
            revision: int = connection.execute(newest).scalar_one()
        return revision


def _call(subscriber: Subscriber, project: str, version: int) -> None:
    try:
        subscriber(project, version)
    except Exception:
        log.exception("A subscriber of pattern changes failed; the others are told.")
