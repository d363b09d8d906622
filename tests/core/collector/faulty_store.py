"""A store in memory whose inserts fail or wait as a test says; for what a real one does rarely."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

from arc_core.model.calls import COLUMNS, CallBatch

SPAN_ID = [column.name for column in COLUMNS].index("span_id")
RECEIVED_AT = [column.name for column in COLUMNS].index("received_at")
START_TIME = [column.name for column in COLUMNS].index("start_time")
DURATION_MS = [column.name for column in COLUMNS].index("duration_ms")


class FaultyStore:
    """Keeps the span ids of what is inserted, in the order of arrival."""

    def __init__(self, *faults: Exception | None) -> None:
        self.faults = deque(faults)
        """What the next inserts raise; None for one that succeeds."""
        self.poison = ""
        """A span id of a call that is never taken."""
        self.stores_before_failing = False
        self.span_ids: list[str] = []
        self.groups: list[int] = []
        """Calls of each insert that succeeded."""
        self.received: list[list[int]] = []
        """`received_at` of the calls of each insert that succeeded."""
        self.told: list[list[int]] = []
        """The same of feedback."""
        self.tokens: list[str] = []
        """Of all attempts."""
        self.entered = threading.Semaphore(0)
        """Is released with each attempt."""
        self.gate = threading.Event()
        """Inserts wait while it is not set."""
        self.gate.set()
        self._seen: set[str] = set()

    def insert(self, batch: CallBatch, *, token: str) -> None:
        """Store a batch unless a fault is due."""
        self.tokens.append(token)
        self.entered.release()
        assert self.gate.wait(20), "nobody opened the gate"
        fault = self.faults.popleft() if self.faults else None
        if self.poison in batch.columns[SPAN_ID] and self.poison:
            raise ValueError("poison")
        if fault is None or self.stores_before_failing:
            self._keep(batch, token)
        if fault is not None:
            raise fault

    def _keep(self, batch: CallBatch, token: str) -> None:
        if token not in self._seen:
            self._seen.add(token)
            self.span_ids += batch.columns[SPAN_ID]
            self.groups.append(len(batch))
            self.received.append(batch.columns[RECEIVED_AT])
            self.told.append([each.received_at for each in batch.feedback])

    def __getattr__(self, name: str) -> Any:
        raise NotImplementedError(name)


def rows(*span_ids: str, received_at: int = 1) -> list[list[Any]]:
    """Return call records with these span ids."""
    known = {RECEIVED_AT: received_at, START_TIME: 1, DURATION_MS: 2.0}
    return [
        [{**known, SPAN_ID: span_id}.get(at, "") for at in range(len(COLUMNS))]
        for span_id in span_ids
    ]
