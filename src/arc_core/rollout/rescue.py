"""What a trial on calls that have already failed has shown.

Each was sent again, by a coin with the fix or as it was; what counts is whether it then failed
once more. No call that would have succeeded is part of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from arc_core.rollout.evidence.assignment import AssignmentTest, Direction
from arc_core.rollout.outcomes import Outcome
from arc_protocol.patterns.allocation import RESCUE

_PLAIN_RETRY_FAILS = 0.98
"""What is expected before any call: what a provider has refused it refuses again. Where that is so,
nine failures decide; where half of the plain retries succeed, this costs a third more of them."""


@dataclass
class Rescue:
    """The evidence so far; plain data."""

    test: AssignmentTest
    """Of calls that were sent again: whether those with the fix fail less."""
    last_us: int
    """When Core got the last of them, or the stage began; microseconds since 1970 UTC."""
    missed: int = 0
    """Calls with the failure since then that nobody sent again."""

    @classmethod
    def begin(cls, now_us: int) -> Rescue:
        """Begin with nothing known."""
        return cls(AssignmentTest(Direction.BENEFIT, _PLAIN_RETRY_FAILS), now_us)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Rescue:
        """Read what `dataclasses.asdict` makes, with the direction as text."""
        test = document["test"]
        test = AssignmentTest(**{**test, "direction": Direction(test["direction"])})
        return cls(**{**document, "test": test})

    def observe(self, outcome: Outcome) -> bool:
        """Take a call with the failure; tell whether it was sent again."""
        if outcome.stage != RESCUE:
            return False  # of another stage, late or early
        if not 0.0 < outcome.probability < 1.0:
            self.missed += 1
            return False
        self.test.observe(
            treated=outcome.treated, failed=outcome.raised, probability=outcome.probability
        )
        self.last_us, self.missed = max(self.last_us, outcome.received_us), 0
        return True

    def __str__(self) -> str:
        calls, failures = self.test.calls, self.test.failures
        cured = [total - failed for total, failed in zip(calls, failures)]
        return (
            f"the fix cured {cured[1]} of {calls[1]} calls, a plain retry {cured[0]} of {calls[0]}"
        )
