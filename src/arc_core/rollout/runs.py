"""Agent runs as units of a trial: each counts once, however many calls it has.

The calls of a run succeed and fail together, so they are no independent tries: counted singly, a
fix that does nothing would seem to help in most trials. A run has failed if any of its calls has.
It is counted when it has been quiet for a while, or has lasted long; not as soon as it fails, as
then the arm whose runs fail sooner would seem to be worse for as long as others are waited for.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from arc_core.rollout.outcomes import Outcome

QUIET_US = 120 * 1_000_000
"""So long after the last of its calls was received, a run is over."""
LONGEST_US = 3600 * 1_000_000
"""A run that lasts longer is counted with what it has shown by then."""

_OPEN = 5_000
_COUNTED = 4_000
"""Runs that are remembered: of more than that, the oldest are counted at once, or forgotten."""


@dataclass
class Run:
    """What the calls of one run have shown so far."""

    first_us: int
    """When its first call was received, in microseconds since 1970 UTC."""
    last_us: int
    outcome: dict[str, Any]
    """That of all calls together, as a call's."""
    targeted: bool
    """Whether one of them had the failure that the fix is for."""

    def add(self, outcome: Outcome, *, targeted: bool) -> None:
        """Take one more call of the run; its arm is that of the first one."""
        whole = self.outcome
        self.last_us = max(self.last_us, outcome.received_us)
        whole["duration_ms"] += outcome.duration_ms
        whole["tokens"] += outcome.tokens
        whole["cost"] += outcome.cost
        whole["failed"] = whole["failed"] or outcome.failed
        # the failure that the fix is for says more than another one of the same run
        if outcome.signature and not self.targeted and (targeted or not whole["signature"]):
            whole.update(signature=outcome.signature, transient=outcome.transient)
        self.targeted = self.targeted or targeted


@dataclass
class Runs:
    """Runs that go on, and those that have been counted, so that late calls do not count again."""

    open: dict[str, Run] = field(default_factory=dict)
    counted: list[str] = field(default_factory=list)
    """The latest ones, by their hashes."""

    def observe(self, outcome: Outcome, *, targeted: bool) -> None:
        """Take one call of a run."""
        run = self.open.get(outcome.unit)
        if run is not None:
            run.add(outcome, targeted=targeted)
        elif outcome.unit not in self.counted:
            at = outcome.received_us
            self.open[outcome.unit] = Run(at, at, asdict(outcome), targeted)

    def over(self, now_us: int) -> list[Outcome]:
        """Return the runs that have come to their end, as one outcome each; they are counted."""
        ended = [
            unit
            for unit, run in self.open.items()
            if now_us - run.last_us >= QUIET_US or now_us - run.first_us >= LONGEST_US
        ]
        crowd = len(self.open) - len(ended) - _OPEN
        if crowd > 0:
            over = set(ended)
            ended += [unit for unit in self.open if unit not in over][:crowd]
        found = [Outcome(**self.open.pop(unit).outcome) for unit in ended]
        self.counted = [*self.counted, *ended][-_COUNTED:]
        return found

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Runs:
        """Read the form that `asdict` makes."""
        runs = {unit: Run(**run) for unit, run in document["open"].items()}
        return cls(runs, document["counted"])
