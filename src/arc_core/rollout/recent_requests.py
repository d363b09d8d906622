"""Recorded requests of late, by which patterns are compared; kept for a moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from arc_core.learning.recorded import request
from arc_core.storage.call_store import Row

Requests = Sequence[Mapping[str, Any]]

_PERIOD = timedelta(days=7)
"""Recorded calls so old still tell whether two patterns concern the same ones."""
_EXAMPLES = 100
_KEPT_FOR = timedelta(seconds=10)
_KEPT = 16
"""Lists of requests; each is of a hundred, and a request may be as long as a book."""


class Examples(Protocol):
    """What is asked of the call store."""

    def failing(self, project: str, signature: str, since: datetime, limit: int) -> list[Row]:
        """Return calls with this failure."""

    def healthy(
        self, project: str, provider: str, operation: str, since: datetime, limit: int
    ) -> list[Row]:
        """Return calls without failure."""


class RecentRequests:
    """Asks the store once where trials that begin together ask for the same calls."""

    def __init__(self, calls: Examples, clock: Callable[[], datetime]) -> None:
        self._calls = calls
        self._clock = clock
        self._kept: dict[tuple[str, ...], tuple[datetime, Requests]] = {}

    def failing(self, project: str, signature: str) -> Requests:
        """Return requests of calls that failed alike; none for an empty signature."""
        if not signature:
            return ()
        return self._of((project, signature), self._calls.failing)

    def healthy(self, project: str, provider: str | None, operation: str | None) -> Requests:
        """Return requests of calls with which nothing was wrong; none unless both are named."""
        if not provider or not operation:
            return ()
        return self._of((project, provider, operation), self._calls.healthy)

    def _of(self, which: tuple[str, ...], ask: Callable[..., list[Row]]) -> Requests:
        now = self._clock()
        at, found = self._kept.pop(which, (None, ()))
        if at is None or not at <= now < at + _KEPT_FOR:
            rows = ask(*which, now - _PERIOD, _EXAMPLES)
            at, found = now, [request(row) for row in rows]
        self._kept[which] = at, found
        if len(self._kept) > _KEPT:
            del self._kept[next(iter(self._kept))]
        return found
