"""The thread that learns, and moves trials: woken by stored batches, and from time to time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, TypeVar

from arc_core.access import DEFAULT_PROJECT
from arc_core.learner.news import Named, News
from arc_core.learner.proposals import Proposals
from arc_core.model.calls import CallBatch
from arc_core.registry.registry import Registry
from arc_core.rollout.controller import Controller
from arc_core.rollout.settings import RolloutSettings
from arc_core.storage import CallStore
from arc_protocol.errors import ArcError

_logger = logging.getLogger("arc.core.learner")

_STOCK = timedelta(days=1)
"""Failures so old are looked at when Core starts."""
_GROUPS = 100
_WHOLE_S = 60.0
"""All trials are looked at so often, also those of which no call was stored."""
_REST = 2.0
"""After work the thread rests for so many times as long as it computed, and leaves the processor to
others. What it waited for, the store or a busy machine, does not count."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

_Result = TypeVar("_Result")


def _now() -> datetime:
    return datetime.now(timezone.utc)


class Learner:
    """Learns patterns from stored failures and runs their trials, in one thread of its own.

    A fault is logged and never ends it; what it knows is in the registry.
    """

    def __init__(
        self,
        store: CallStore,
        registry: Registry,
        *,
        interval_s: float,
        manual: bool,
        rollout: RolloutSettings | None = None,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        """It works when something was stored, and every `interval_s` seconds.

        With `manual`, a person approves each pattern before it changes calls.
        """
        self._store = store
        self._registry = registry
        self._interval_s = interval_s
        self._clock = clock
        self._news = News()
        self._proposals = Proposals(store, registry, manual=manual, clock=clock)
        self._controller = Controller(store, registry, rollout, manual=manual, clock=clock)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="arc-learner", daemon=True)
        self._whole_at = 0.0
        self._troubles: set[str] = set()

    def start(self) -> None:
        """Begin, with the failures that are stored already."""
        self._thread.start()

    def stored(self, batch: CallBatch) -> None:
        """Note what a stored batch holds; from any thread, returns at once."""
        self._news.take_in(batch)

    def close(self) -> None:
        """End after the step that is under way; blocks until then."""
        self._ended.set()
        self._news.interrupt()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        self._guarded(self._take_stock)
        while not self._ended.is_set():
            failures, trials = self._news.wait(self._interval_s)
            began = time.thread_time()
            self._guarded(self._listen, failures, trials)
            self.work(failures, trials)
            self._ended.wait(_REST * (time.thread_time() - began))

    def _take_stock(self) -> None:
        until = self._clock()
        for project in self._projects():
            groups = self._store.failure_groups(project, until - _STOCK, until, _GROUPS)
            self._news.add({(project, group["signature"]): group["count"] for group in groups})

    def _listen(self, failures: dict[Named, int], trials: set[Named]) -> None:
        """Add the failures that people saw, and the trials of whose calls they speak."""
        for project, since_us in self._news.take_feedback().items():
            since = _EPOCH + timedelta(microseconds=since_us)
            for row in self._store.feedback_news(project, since):
                if row["signature"]:
                    named = project, row["signature"]
                    failures[named] = failures.get(named, 0) + row["calls"]
                if row["rollout_id"]:
                    trials.add((project, row["rollout_id"].rpartition("@")[0]))

    def work(self, failures: Mapping[Named, int], trials: Collection[Named]) -> None:
        """Learn from these failures, and move these trials: what the thread does again and again.

        Of each failure it takes how many more calls had it. For who has a clock of their own, and
        does not start the thread. Raises nothing.
        """
        stopped = self._guarded(self._stopped) or ()
        for (project, signature), more in sorted(failures.items()):
            if project in stopped:
                continue  # a failure that goes on is stored again
            added = self._guarded(self._proposals.propose, project, signature, more)
            if added:  # its trial begins before others are learned from
                self._guarded(self._controller.run, project, added)
        whole = time.monotonic() >= self._whole_at
        if whole:
            self._whole_at = time.monotonic() + _WHOLE_S
        for project in self._guarded(self._projects) or ():
            if project in stopped:
                continue
            names = None if whole else {name for own, name in trials if own == project}
            self._guarded(self._controller.run, project, names)

    def _projects(self) -> list[str]:
        return sorted({DEFAULT_PROJECT, *self._registry.projects()})

    def _stopped(self) -> list[str]:
        """Return the projects whose patterns somebody has stopped."""
        return [each for each in self._projects() if self._registry.current_stop(each)]

    def _guarded(self, work: Callable[..., _Result], *arguments: Any) -> _Result | None:
        """Do a step; None if it failed, which is logged, the same fault once.

        Nothing is lost: failures that go on are stored again, and from time to time all trials
        are looked at.
        """
        if self._ended.is_set():
            return None
        try:
            result = work(*arguments)
        except Exception as problem:
            kind = f"{type(problem).__name__}: {problem}"
            if kind not in self._troubles:
                self._troubles.add(kind)
                # one of ours says what is wrong and what to do; any other one is to be looked into
                _logger.error(
                    "A step of learning failed; it goes on with what comes. %s",
                    problem,
                    exc_info=not isinstance(problem, ArcError),
                )
            return None
        return result
