"""What stored batches hold that is worth waking up for."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping

from arc_core.model.calls import COLUMNS, CallBatch

_PLACES = {column.name: place for place, column in enumerate(COLUMNS)}
_PROJECT = _PLACES["project"]
_SIGNATURE = _PLACES["failure_signature"]
_ROLLOUT = _PLACES["rollout_id"]

Named = tuple[str, str]
"""A project, and the signature of a failure or the name of a pattern in it."""


class News:
    """Failures and trials of which calls have been stored; filled and emptied by any thread."""

    def __init__(self) -> None:
        self._failures: Counter[Named] = Counter()
        self._trials: set[Named] = set()
        self._feedback: dict[str, int] = {}
        self._lock = threading.Lock()
        self._some = threading.Event()

    def take_in(self, batch: CallBatch) -> None:
        """Note what a stored batch holds."""
        columns = batch.columns
        projects = columns[_PROJECT]
        failures = Counter(pair for pair in zip(projects, columns[_SIGNATURE]) if pair[1])
        trials = {
            (project, trial.rpartition("@")[0])
            for project, trial in zip(projects, columns[_ROLLOUT])
            if trial
        }
        if failures or trials:
            self.add(failures, trials)
        if batch.feedback:
            with self._lock:
                for each in batch.feedback:
                    self._feedback.setdefault(each.project, each.received_at)
            self._some.set()

    def take_feedback(self) -> dict[str, int]:
        """Return projects in which feedback has come, and since when, in microseconds."""
        with self._lock:
            taken, self._feedback = self._feedback, {}
        return taken

    def add(self, failures: Mapping[Named, int], trials: Iterable[Named] = ()) -> None:
        """Note failures, with the number of calls that had each, and trials."""
        with self._lock:
            self._failures.update(failures)
            self._trials.update(trials)
        self._some.set()

    def wait(self, timeout_s: float) -> tuple[dict[Named, int], set[Named]]:
        """Return what was noted since the last time; wait for something at most so long.

        Of failures there is the number of calls.
        """
        self._some.wait(timeout_s)
        with self._lock:
            self._some.clear()
            taken = dict(self._failures), self._trials
            self._failures, self._trials = Counter(), set()
        return taken

    def interrupt(self) -> None:
        """End the waiting."""
        self._some.set()
