"""A trial over real stores: calls that a pattern matches, as a Runtime would report them."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable
from typing import Any

from arc_core.registry.lifecycle import State
from arc_core.registry.registry import Registry
from arc_core.rollout.controller import Controller
from arc_core.rollout.room import LEARNER
from arc_core.storage import CallStore
from arc_protocol.patterns.allocation import WHOLE
from core.call_records import batch, record

TARGET = "0123456789abcdef"

Fails = Callable[[bool], bool]
"""Tells for treated calls, and for others, whether one has the failure that the fix is for."""


class LiveTrial:
    """A learned pattern of a project, and Core's rollout of it."""

    def __init__(
        self, store: CallStore, registry: Registry, project: str, *, manual: bool = False
    ) -> None:
        self._store = store
        self._registry = registry
        self._draw = random.Random(7)
        self.project = project
        self.controller = Controller(store, registry, manual=manual)

    def learn(self, name: str = "cooler", *, failed: int = 12, matching: int = 12) -> None:
        """Have a pattern learned, and Core begin with it."""
        self._registry.add_pattern(
            self.project,
            {
                "name": name,
                "rationale": "temperature is refused",
                "pattern": {"model": name, "temperature": {">": 1}},
                "fix": {"temperature": 1},
            },
            author=LEARNER,
            state=State.CANDIDATE,
            reason="12 of 12 calls failed",
            evidence={"signature": TARGET, "failed": failed, "matching": matching},
        )
        self.controller.run(self.project)

    def calls(self, number: int, fails: Fails, name: str = "cooler", **values: Any) -> None:
        """Make calls that the pattern matches, have them stored, and let Core look at them."""
        found = self._registry.pattern(self.project, name)
        allocation = found.allocation or {"stage": "shadow", "treat": 0}
        probability = allocation["treat"] / WHOLE
        rows = []
        for _ in range(number):
            treated = allocation["stage"] != "shadow" and self._draw.random() < probability
            failed = fails(treated)
            arm = "treated" if treated else "control"
            now = int(time.time() * 1e6)
            rows.append(
                {
                    "project": self.project,
                    "start_time": now,
                    "received_at": now,
                    "provider": "openai",
                    "operation": "chat",
                    "failed": failed,
                    "failure_signature": TARGET if failed else "",
                    "rollout_id": f"{name}@{found.revision}",
                    "rollout_stage": allocation["stage"],
                    "rollout_arm": "shadow" if allocation["stage"] == "shadow" else arm,
                    "rollout_probability": probability,
                    "duration_ms": 5.0 if failed else 100.0,
                    **values,
                }
            )
        self._store.insert(batch(*(record(**row) for row in rows)), token=uuid.uuid4().hex)
        self.controller.run(self.project)
