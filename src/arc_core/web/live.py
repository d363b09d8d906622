"""Calls as they arrive, for everybody who watches; a slow watcher holds up nobody."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from arc_core.model.calls import COLUMNS, LARGE, CallBatch
from arc_core.model.feedback import Feedback
from arc_core.storage import CallQuery, Row

WAITING_CALLS = 1000
"""Calls that wait for one watcher; the oldest make room for new ones."""

_PLACES = {column.name: place for place, column in enumerate(COLUMNS)}
_SHOWN = [(column.name, _PLACES[column.name]) for column in COLUMNS if column.name not in LARGE]
_EQUAL = {
    "model": _PLACES["request_model"],
    "service": _PLACES["service"],
    "failed": _PLACES["failed"],
    "error_code": _PLACES["error_code"],
    "signature": _PLACES["failure_signature"],
    "session": _PLACES["session"],
}
"""Conditions of a `CallQuery` by the column that must have their value."""


class Watcher:
    """What one watcher has not been given yet; made by `LiveCalls.watch` on its event loop."""

    def __init__(self, project: str, query: CallQuery) -> None:
        self._project = project
        self._wanted = [(_PLACES["project"], project)]
        for name, place in _EQUAL.items():
            value = getattr(query, name)
            if value is not None:
                self._wanted.append((place, value))
        self._pattern = query.pattern
        self._waiting: deque[Row | Feedback] = deque()
        self._dropped = 0
        self._closed = False
        self._lock = threading.Lock()
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()

    async def take(self, timeout_s: float) -> tuple[int, list[Row | Feedback]] | None:
        """Return how many calls were dropped, and those that came after them, with feedback.

        Both count since the last time, and are nothing if nothing came within `timeout_s`. None
        means that there will be no more.
        """
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._news.wait(), timeout_s)
        with self._lock:
            self._news.clear()
            rows, dropped = [*self._waiting], self._dropped
            self._waiting.clear()
            self._dropped = 0
            if self._closed and not rows:
                return None
            if self._closed:
                self._news.set()
        return dropped, rows

    def offer(self, columns: Sequence[Sequence[Any]]) -> None:
        """Keep what the watcher asked for of these records."""
        chosen = self._chosen(columns)
        if not chosen:
            return
        newest = chosen[-WAITING_CALLS:]
        # what is said of a reply comes after it, as news of its own
        rows = [
            {**{name: columns[place][index] for name, place in _SHOWN}, "feedback": []}
            for index in newest
        ]
        with self._lock:
            self._dropped += len(chosen) - len(rows)
        self._keep(rows)

    def hear(self, feedback: Sequence[Feedback]) -> None:
        """Keep what is said of replies, for who watches all calls: it says not which call."""
        own = [each for each in feedback if each.project == self._project]
        if own and len(self._wanted) == 1 and self._pattern is None:
            self._keep(own[-WAITING_CALLS:])

    def _keep(self, news: Sequence[Row | Feedback]) -> None:
        with self._lock:
            self._waiting.extend(news)
            while len(self._waiting) > WAITING_CALLS:
                self._waiting.popleft()
                self._dropped += 1
        self._wake()

    def close(self) -> None:
        """End once what waits is taken."""
        with self._lock:
            self._closed = True
        self._wake()

    def _chosen(self, columns: Sequence[Sequence[Any]]) -> list[int]:
        chosen: Sequence[int] = range(len(columns[0]))
        for place, value in self._wanted:
            column = columns[place]
            chosen = [index for index in chosen if column[index] == value]
        if self._pattern is not None:
            matched = columns[_PLACES["pattern_ids"]]
            chosen = [index for index in chosen if self._pattern in matched[index]]
        return [*chosen]

    def _wake(self) -> None:
        with suppress(RuntimeError):  # the loop has ended, and the watcher with it
            self._loop.call_soon_threadsafe(self._news.set)


class LiveCalls:
    """Hands stored calls to all watchers; the collector publishes each batch it has stored."""

    def __init__(self) -> None:
        self._watchers: tuple[Watcher, ...] = ()
        self._closed = False
        self._lock = threading.Lock()

    @property
    def watchers(self) -> int:
        """How many watch now."""
        return len(self._watchers)

    def publish(self, batch: CallBatch) -> None:
        """Hand a batch to the watchers, from any thread; without watchers this costs nothing."""
        for watcher in self._watchers:
            watcher.offer(batch.columns)
            watcher.hear(batch.feedback)

    @contextmanager
    def watch(self, project: str, query: CallQuery) -> Iterator[Watcher]:
        """Watch calls of a project, on an event loop.

        Of the query count model, service, failed, error_code, signature, pattern and session.
        """
        watcher = Watcher(project, query)
        with self._lock:
            self._watchers = (*self._watchers, watcher)
            if self._closed:
                watcher.close()
        try:
            yield watcher
        finally:
            with self._lock:
                self._watchers = tuple(each for each in self._watchers if each is not watcher)

    def close(self) -> None:
        """End all streams: an HTTP server waits for them before it ends itself."""
        with self._lock:
            self._closed = True
            for watcher in self._watchers:
                watcher.close()
