"""Which calls get the fix of a pattern that is on trial: a coin, tossed in the Runtime.

The probability is Core's; that the coin is ours, and its probability known, is what makes the
outcomes of both arms comparable.
"""

from __future__ import annotations

import random
import time
from typing import Any, Dict, NamedTuple, Optional

from arc_protocol.errors import PatternError
from arc_protocol.patterns.limits import show

WHOLE = 1 << 32
"""`treat` of an allocation that treats every call."""

SHADOW, RESCUE, CANARY, ACTIVE = "shadow", "rescue", "canary", "active"
STAGES = (SHADOW, RESCUE, CANARY, ACTIVE)
"""Matched only; tried on calls that have failed; tried on a share of the calls; in force but for a
few that are held back."""

TREATED, CONTROL = "treated", "control"
"""Arms: with the fix, without it. In the stage shadow every call is in the arm `shadow`; so it is
in rescue, until the coin is tossed for a call that has failed."""


class Allocation(NamedTuple):
    """The share of matching calls that get the fix."""

    stage: str
    """One of `STAGES`."""
    treat: int
    """Calls that get the fix, of `WHOLE`."""
    valid_until_ms: Optional[int] = None
    """Unix time after which a trial ends by itself when Core is not heard of; None: never."""

    @property
    def probability(self) -> float:
        """With which a call gets the fix."""
        return self.treat / WHOLE

    @classmethod
    def parse(cls, document: object) -> Allocation:
        """Read the JSON form; raises `PatternError`."""
        if not isinstance(document, dict) or not document.keys() <= set(cls._fields):
            raise PatternError(
                f"allocation is {show(document)}; it must be an object "
                f"with {', '.join(cls._fields)}."
            )
        stage, treat = document.get("stage"), document.get("treat")
        valid_until_ms = document.get("valid_until_ms")
        if stage not in STAGES:
            raise PatternError(f"allocation.stage is {show(stage)}; use {', '.join(STAGES)}.")
        if type(treat) is not int or not 0 <= treat <= WHOLE:
            raise PatternError(f"allocation.treat is {show(treat)}; give 0 to {WHOLE}.")
        if valid_until_ms is not None and type(valid_until_ms) is not int:
            raise PatternError("allocation.valid_until_ms is no whole number.")
        return cls(stage, treat, valid_until_ms)

    def to_json(self) -> Dict[str, Any]:
        """Return the form that `parse` reads."""
        document: Dict[str, Any] = {"stage": self.stage, "treat": self.treat}
        if self.valid_until_ms is not None:
            document["valid_until_ms"] = self.valid_until_ms
        return document

    @property
    def over(self) -> bool:
        """Whether the trial has ended by itself; a pattern in force stays so."""
        return (
            self.valid_until_ms is not None
            and self.stage != ACTIVE
            and time.time() * 1000 > self.valid_until_ms
        )

    @property
    def watches(self) -> bool:
        """Whether calls are sent as they are."""
        return self.stage in (SHADOW, RESCUE)

    def toss(self) -> str:
        """Toss the coin for one call; return its arm."""
        return TREATED if random.getrandbits(32) < self.treat else CONTROL
