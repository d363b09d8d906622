"""The newest set of each project, handed to its connections as soon as it changes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Protocol

from arc_core.registry.registry import Registry
from arc_core.sync.publication import Publication, publish

if TYPE_CHECKING:
    from arc_core.sync.signing import SigningKey

_logger = logging.getLogger("arc.core.sync")

_RETRY_S = 1.0


class Listener(Protocol):
    """Takes the newest publication; must not block."""

    def offer(self, publication: Publication) -> None:
        """Take a publication in place of those before it."""


class Feed:
    """One project: its newest publication and those who want the next ones."""

    def __init__(self, project: str) -> None:
        self.project = project
        self.newest: Publication | None = None
        self.listeners: set[Listener] = set()
        self.stale = True
        """Whether the registry may have something newer."""
        self.refreshing: asyncio.Task[None] | None = None


class Feeds:
    """All projects that somebody has asked for; on one event loop."""

    def __init__(
        self, registry: Registry, threads: Executor, signing_key: SigningKey | None = None
    ) -> None:
        self._registry = registry
        self._signing_key = signing_key
        self._threads = threads
        self._feeds: dict[str, Feed] = {}
        self._loop = asyncio.get_running_loop()
        self._unsubscribe: Callable[[], None] = registry.subscribe(self._on_change)

    async def join(self, project: str, listener: Listener) -> None:
        """Offer the newest set, and from now on each one that follows.

        Raises what the registry raises when it cannot be read and nothing is known of the project.
        """
        feed = self._feeds.setdefault(project, Feed(project))
        feed.listeners.add(listener)
        if feed.newest is None:
            try:
                await asyncio.shield(self._refresh(feed))
            except BaseException:
                self.leave(project, listener)
                raise
        else:
            listener.offer(feed.newest)

    def leave(self, project: str, listener: Listener) -> None:
        """Offer nothing any more."""
        self._feeds[project].listeners.discard(listener)

    def close(self) -> None:
        """End the subscription and what is under way."""
        self._unsubscribe()
        for feed in self._feeds.values():
            if feed.refreshing is not None:
                feed.refreshing.cancel()

    def _on_change(self, project: str, _version: int) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._changed, project)

    def _changed(self, project: str) -> None:
        feed = self._feeds.get(project)
        if feed is not None:
            feed.stale = True
            if feed.newest is not None:
                self._refresh(feed).add_done_callback(_look)

    def _refresh(self, feed: Feed) -> asyncio.Task[None]:
        if feed.refreshing is None or feed.refreshing.done():
            feed.refreshing = asyncio.create_task(self._take_newest(feed))
        return feed.refreshing

    async def _take_newest(self, feed: Feed) -> None:
        """Read until there was no change meanwhile; changes that come together are one."""
        while feed.stale:
            feed.stale = False
            try:
                newest = await self._loop.run_in_executor(self._threads, self._read, feed.project)
            except Exception:
                feed.stale = True
                if feed.newest is None:
                    raise
                _logger.exception("The patterns of %s cannot be read; trying again.", feed.project)
                await asyncio.sleep(_RETRY_S)
                continue
            feed.newest = newest
            for listener in feed.listeners:
                listener.offer(newest)

    def _read(self, project: str) -> Publication:
        return publish(self._registry.pattern_set(project), self._signing_key)


def _look(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        task.exception()
