"""Core's learner and rollout over a real store, on a clock that is set instead of waited for.

Thousands of calls a second go in: what a Runtime decides is decided here with its own matcher and
coin, on the patterns that Core publishes; what it would report is stored as Core stores it.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from arc_core.detection.failures import Failed, identify
from arc_core.learner import Learner
from arc_core.learner.news import News
from arc_core.model.calls import COLUMNS, CallBatch
from arc_core.model.columns import Kind
from arc_core.registry.lifecycle import State
from arc_core.registry.records import PatternRecord
from arc_core.registry.registry import Registry
from arc_core.storage import CallStore, open_call_store
from arc_protocol.patterns import Origin, Pattern, PatternSet
from arc_protocol.patterns.policy import refusal
from arc_protocol.recording import record
from benchmarks.learning.cases import OPERATIONS
from benchmarks.learning.sites import CHAT, Request

START = datetime.now(timezone.utc) + timedelta(days=1)
"""After now: a Runtime ends a trial by the clock of the machine when Core is silent for long."""
PROVIDER = "openai"
_BATCH_S = 1.0
"""Runtimes send what they have once a second."""
_EMPTY: Mapping[Kind, Any] = {
    Kind.NAME: "",
    Kind.TEXT: "",
    Kind.FLAG: False,
    Kind.INTEGER: 0,
    Kind.NUMBER: 0.0,
    Kind.NAMES: [],
    Kind.INTEGERS: [],
}
_BLANK = {each.name: None if each.nullable else _EMPTY.get(each.kind) for each in COLUMNS}


@dataclass(frozen=True)
class Ending:
    """How the provider lets a call end; by default it succeeds."""

    kind: str = ""
    """What is wrong with the reply, such as `truncated`."""
    status: int | None = None
    """Of an error."""
    message: str = ""
    code: str = ""
    param: str = ""
    duration_ms: float = 400.0
    output_tokens: int = 120

    @property
    def failed(self) -> bool:
        """Whether anything was wrong."""
        return bool(self.kind) or self.status is not None


HEALTHY = Ending()
Provider = Callable[[Mapping[str, Any], random.Random], Ending]
"""Answers a request as it arrives."""


@dataclass(frozen=True)
class Seen:
    """A call that was made in the laboratory."""

    request: Mapping[str, Any]
    changed: bool
    matched: bool
    """Whether a trial, or a pattern in force, concerned it."""
    treated: bool
    ending: Ending


@contextmanager
def opened_store(folder: Path) -> Iterator[CallStore]:
    """Open a store that laboratories share, each with a project of its own."""
    store = open_call_store(None, folder / "calls")
    try:
        yield store
    finally:
        store.close()


class Laboratory:
    """One project: its applications, its provider, and Core."""

    def __init__(
        self,
        store: CallStore,
        folder: Path,
        project: str,
        *,
        seed: int,
        rate: float,
        servers: Mapping[str, tuple[str, int]] = {},
    ) -> None:
        """`rate` is in calls per second of the clock, `servers` where each application calls."""
        self.project = project
        self.draw = random.Random(f"{project} {seed}")
        random.seed(f"coin {project} {seed}")  # the Runtime's coin
        self.now = START
        self.made = 0
        self._store = store
        self._rate = rate
        self._servers = servers
        self._numbers = itertools.count(1)
        self.registry = Registry.open(
            f"sqlite:///{folder / f'{project}.db'}", clock=lambda: self.now
        )
        self._learner = Learner(
            store, self.registry, interval_s=5.0, manual=False, clock=lambda: self.now
        )
        self._news = News()
        self._version = -1
        self._patterns: PatternSet | None = None
        self._rollouts: dict[str, str] = {}
        self._texts: dict[int, str] = {}
        self._kept: list[Request] = []

    def close(self) -> None:
        """Let go of the registry."""
        self.registry.close()

    def run(
        self,
        calls: int,
        request: Callable[[random.Random], tuple[str, Request]],
        provider: Provider,
        until: Callable[[], bool] = lambda: False,
    ) -> list[Seen]:
        """Make so many calls, or fewer if `until` holds after Core's turn; return what was seen.

        `request` gives the application's name and what it asks for.
        """
        seen: list[Seen] = []
        while len(seen) < calls:
            self._take_patterns()
            batch = CallBatch()
            for _ in range(max(1, round(self._rate * _BATCH_S))):
                seen.append(self._call(*request(self.draw), provider, batch))
                self.now += timedelta(seconds=1 / self._rate)
            self._store.insert(batch, token=f"{self.project}-{next(self._numbers)}")
            self._news.take_in(batch)
            self._learner.work(*self._news.wait(0))
            if until():
                break
        return seen

    def patterns(self, *states: State) -> list[PatternRecord]:
        """Return the patterns in some states, or all."""
        found = self.registry.patterns(self.project)
        return [each for each in found if not states or each.state in states]

    def failures(self) -> list[dict[str, Any]]:
        """Return the groups of calls that failed alike, the largest first."""
        since = START - timedelta(hours=1)
        return self._store.failure_groups(self.project, since, self.now + timedelta(seconds=1))

    def states(self) -> dict[str, list[str]]:
        """Return the way of each pattern."""
        return {
            each.name: [
                event.to_state.value
                for event in self.registry.history(self.project, each.name)
                if event.from_state is not event.to_state
            ]
            for each in self.patterns()
        }

    def _call(
        self, application: str, request: Request, provider: Provider, batch: CallBatch
    ) -> Seen:
        patterns = self._patterns
        address, port = self._servers.get(application, ("api.example", 443))
        decision = patterns and patterns.decide(
            PROVIDER, OPERATIONS[CHAT], request, server=f"{address}:{port}"
        )
        sent = decision.body if decision else request
        ending = provider(sent, self.draw)
        number = next(self._numbers)
        assignment = decision.assignment if decision else None
        now_us = int(self.now.timestamp() * 1e6)
        row = {
            **_BLANK,
            "project": self.project,
            "start_time": now_us,
            "received_at": now_us,
            "trace_id": f"{number:032x}",
            "span_id": f"{number:016x}",
            "service": application,
            "runtime_id": application,
            "provider": PROVIDER,
            "operation": OPERATIONS[CHAT],
            "request_model": request["model"],
            "failed": ending.status is not None,
            "error_type": "openai.BadRequestError" if ending.status else "",
            "status_code": ending.status,
            "error_code": ending.code,
            "error_param": ending.param,
            "error_message": ending.message,
            "failure_kinds": [ending.kind] if ending.kind else [],
            "duration_ms": ending.duration_ms * self.draw.uniform(0.8, 1.2),
            "input_tokens": 60,
            "output_tokens": ending.output_tokens,
            "pattern_ids": [each.name for each in decision.matched] if decision else [],
            "fix_outcome": "applied" if decision and decision.applied else "none",
            "request": self._recorded(request),
            "attributes": json.dumps({"server.address": address, "server.port": port}),
        }
        if assignment is not None:
            row["rollout_id"] = self._rollouts[assignment.pattern.name]
            row["rollout_stage"] = assignment.stage
            row["rollout_arm"] = assignment.arm
            row["rollout_probability"] = assignment.probability
        row["failure_signature"], row["error_template"] = identify(Failed.of(row))
        batch.append(list(row.values()))
        self.made += 1
        return Seen(
            request,
            sent is not request,
            bool(decision and decision.matched),
            bool(decision and decision.applied),
            ending,
        )

    def _recorded(self, request: Request) -> str:
        """Return what telemetry records of a request; the crowd makes the same ones again."""
        text = self._texts.get(id(request))
        if text is None:
            text = self._texts[id(request)] = json.dumps(record(request))
            self._kept.append(request)  # as long as it is there, nothing else has its id
        return text

    def _take_patterns(self) -> None:
        """Hold the patterns that Core publishes, as far as the policy `safe` allows them."""
        published = self.registry.pattern_set(self.project)
        if published.version != self._version:
            self._version = published.version
            allowed = [e for e in published.entries if refusal(e.document["fix"], "safe") is None]
            self._rollouts = {each.name: f"{each.name}@{each.revision}" for each in allowed}
            parsed = [Pattern.parse(each.document, origin=Origin.PUSHED) for each in allowed]
            self._patterns = PatternSet(parsed) if parsed else None
