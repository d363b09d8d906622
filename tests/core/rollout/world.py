"""A simulated world: applications whose calls fail by chance, and Core's rollout over them."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from arc_core.registry.lifecycle import PUBLISHED, State
from arc_core.registry.records import PatternRecord
from arc_core.registry.registry import Registry
from arc_core.rollout.controller import AUTHOR, Controller
from arc_core.rollout.room import LEARNER
from arc_core.rollout.settings import RolloutSettings
from arc_core.storage.call_store import position
from arc_protocol.patterns.allocation import WHOLE, Allocation

PROJECT = "default"
TARGET = "0123456789abcdef"
OTHER = "fedcba9876543210"
START = datetime(2026, 11, 1, 12, tzinfo=timezone.utc)

Chance = Callable[[bool], float]
"""A probability, for treated calls and for others."""


@dataclass
class Provider:
    """What becomes of calls that the pattern matches."""

    target: Chance
    """The failure that the pattern was learned for."""
    other: Chance = lambda treated: 0.0
    """Any other failure, of the calls that this one spares."""
    duration_ms: Callable[[bool], float] = lambda treated: 100.0
    """Of healthy calls."""
    tokens: Callable[[bool], tuple[int, int, int]] = lambda treated: (10, 5, 0)
    """Read, written, and of those read the ones from the cache; of healthy calls."""
    again: Chance | None = None
    """A failed call fails again when it is sent once more; as `target` if it is not given."""
    rated: float = 0.0
    """Share of healthy calls of whose replies somebody says something, a while later."""
    disliked: Chance = lambda treated: 0.0
    """That it is bad, where somebody does."""


class Recorded:
    """Outcomes in a list, as the call store gives them, and recorded requests."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.requests: list[str] = []

    def outcomes(
        self, project: str, rollout_id: str, after: str | None = None, limit: int = 10_000
    ) -> list[dict[str, Any]]:
        from_here = (-1, "") if after is None else position(after)
        found = [
            row
            for row in self.rows
            if row["rollout_id"] == rollout_id and (row["received_at"], row["span_id"]) > from_here
        ]
        return found[:limit]

    def failing(
        self, project: str, signature: str, since: datetime, limit: int
    ) -> list[dict[str, Any]]:
        return [{"request": request} for request in self.requests]

    def left_alone(self, project: str, rollout_id: str, limit: int) -> list[dict[str, Any]]:
        return []

    def healthy(
        self, project: str, provider: str, operation: str, since: datetime, limit: int
    ) -> list[dict[str, Any]]:
        return []


@dataclass
class World:
    """A registry in a file, calls in a list, and a controller that can be started anew."""

    folder: Path
    seed: int = 1
    settings: RolloutSettings = field(default_factory=RolloutSettings)
    manual: bool = False
    now: datetime = START
    pace: timedelta = timedelta(seconds=1)
    """Between two calls."""

    def __post_init__(self) -> None:
        self.calls = Recorded()
        self.draw = random.Random(self.seed)
        self.numbers = itertools.count(1)
        self.restart()

    def restart(self) -> None:
        """Begin anew with what the registry and the store hold."""
        if hasattr(self, "registry"):
            self.registry.close()
        self.registry = Registry.open(f"sqlite:///{self.folder / 'registry.db'}", clock=self.clock)
        self.controller = Controller(
            self.calls, self.registry, self.settings, manual=self.manual, clock=self.clock
        )

    def clock(self) -> datetime:
        return self.now

    def runtime(self, name: str = "r1", **what: Any) -> None:
        """Have a Runtime report to Core."""
        report: dict[str, Any] = {
            "service": "shop",
            "host": "box",
            "pid": 7,
            "runtime_version": "1",
            "python": "3.12",
            "sdks": {},
            "policy": "safe",
            "heals": False,
            "connected": True,
            "set_version": 1,
            "set_digest": "",
            "verdicts": {},
        }
        self.registry.runtime_seen(PROJECT, name, **{**report, **what})

    def learned(
        self,
        name: str = "fix",
        *,
        failed: int = 12,
        matching: int = 12,
        kind: str = "",
        fix: dict[str, Any] | None = None,
    ) -> str:
        """Have the learner propose a pattern, and Core begin with it."""
        evidence = {"signature": TARGET, "failed": failed, "matching": matching, "kind": kind}
        self.registry.add_pattern(
            PROJECT,
            {"name": name, "pattern": {"model": name}, "fix": fix or {"temperature": None}},
            author=LEARNER,
            state=State.CANDIDATE,
            evidence=evidence,
        )
        self.controller.run(PROJECT)
        return name

    def state(self, name: str = "fix") -> State:
        return self.registry.pattern(PROJECT, name).state

    def share(self, name: str = "fix") -> float:
        allocation = self.registry.pattern(PROJECT, name).allocation
        assert allocation is not None
        return float(allocation["treat"]) / WHOLE

    def path(self, name: str = "fix") -> list[str]:
        """Return the states that the rollout has led a pattern to, one after the other."""
        return [
            event.to_state.value
            for event in self.registry.history(PROJECT, name)
            if event.author == AUTHOR and event.from_state is not event.to_state
        ]

    def run(self, provider: Provider, calls: int, name: str = "fix") -> None:
        """Make one agent run of several calls, of which only the last one may fail."""
        allocation = self.registry.pattern(PROJECT, name).allocation
        assert allocation is not None
        salted = Allocation.parse(allocation)
        unit = salted.run_hash(f"session:{next(self.numbers)}")
        treated = salted.stage != "shadow" and salted.toss(unit) == "treated"
        fine = Provider(target=lambda treated: 0.0)
        for number in range(1, calls + 1):
            self.call(provider if number == calls else fine, name, treated, unit.hex())

    def call(
        self,
        provider: Provider,
        name: str = "fix",
        drawn: bool | None = None,
        unit: str = "",
        *,
        heals: bool = True,
    ) -> None:
        """Make one call that the pattern matches, as a Runtime would.

        `drawn` is the arm of the run that it is part of, `unit` its hash.
        """
        self._call(self.registry.pattern(PROJECT, name), provider, drawn, unit, heals)

    def calls_of(self, provider: Provider, count: int, name: str = "fix") -> None:
        """Make calls while nothing changes in the registry, which is asked once."""
        record = self.registry.pattern(PROJECT, name)
        for _ in range(count):
            self._call(record, provider)

    def _call(
        self,
        record: PatternRecord,
        provider: Provider,
        drawn: bool | None = None,
        unit: str = "",
        heals: bool = True,
    ) -> None:
        assert record.state in PUBLISHED
        assert record.allocation is not None
        stage = record.allocation["stage"]
        probability = record.allocation["treat"] / WHOLE
        treated = stage in ("canary", "active") and self.draw.random() < probability
        treated = treated if drawn is None else drawn
        arm = "treated" if treated else "control"
        self.now += self.pace
        signature = ""
        if self.draw.random() < provider.target(treated):
            signature = TARGET
        elif self.draw.random() < provider.other(treated):
            signature = OTHER
        raised = bool(signature)
        if stage == "rescue" and signature == TARGET and heals:
            treated = self.draw.random() < probability
            arm = "treated" if treated else "control"
            raised = self.draw.random() < (provider.again or provider.target)(treated)
        elif stage in ("shadow", "rescue"):
            arm, probability = "shadow", 0.0
        number = next(self.numbers)
        us = int(self.now.timestamp() * 1e6)
        read, written, cached = (0, 0, 0) if signature else provider.tokens(treated)
        self.calls.rows.append(
            {
                "start_time": us,
                "received_at": us,
                "span_id": f"{number:016x}",
                "provider": "openai",
                "operation": "chat",
                "api": "",
                "failed": raised,
                "failure_kinds": [],
                "error_type": "openai.BadRequestError" if signature else "",
                "status_code": 400 if signature else None,
                "error_code": "",
                "error_param": "",
                "error_message": "",
                "rollout_unit": unit,
                "rated": False,
                "failure_signature": signature,
                "rollout_id": f"{record.name}@{record.revision}",
                "rollout_stage": stage,
                "rollout_arm": arm,
                "rollout_probability": probability,
                "duration_ms": 5.0 if signature else provider.duration_ms(treated),
                "input_tokens": read,
                "output_tokens": written,
                "cached_tokens": cached,
            }
        )
        if not signature and self.draw.random() < provider.rated:
            self._rate(self.calls.rows[-1], bad=self.draw.random() < provider.disliked(treated))

    def _rate(self, row: dict[str, Any], *, bad: bool) -> None:
        """Have somebody say something of a reply."""
        self.now += timedelta(seconds=1)
        self.calls.rows.append(
            {
                **row,
                "received_at": int(self.now.timestamp() * 1e6),
                "span_id": f"f{next(self.numbers):015x}",
                "rated": True,
                "failed": bad,
                "failure_signature": TARGET if bad else "",
            }
        )

    def run_until(
        self,
        provider: Provider,
        *states: State,
        at_most: int,
        batch: int = 20,
        name: str = "fix",
        heals: bool = True,
    ) -> int:
        """Make calls until the pattern is in one of the states; return how many."""
        record = self.registry.pattern(PROJECT, name)
        for number in range(1, at_most + 1):
            self._call(record, provider, heals=heals)
            if number % batch == 0:
                self.controller.run(PROJECT)
                record = self.registry.pattern(PROJECT, name)
                if record.state in states:
                    return number
        raise AssertionError(f"after {at_most} calls it is {self.state(name).value}")
