"""Which calls get the fix of a pattern that is on trial: a coin, tossed in the Runtime.

The probability is Core's; that the coin is ours, and its probability known, is what makes the
outcomes of both arms comparable.

What is treated or not is a call, or a whole agent run where a failure is one of runs: the calls of
a run are no independent tries. The coin of a run falls from a hash, so that all its calls, in
whatever process, get the same arm without anybody remembering it.
"""

from __future__ import annotations

import hashlib
import os
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

CALL, RUN = "call", "run"
UNITS = (CALL, RUN)
"""What is assigned to an arm as a whole. Blocks of time, for fixes that share a quota with other
calls, would be a third one: whoever does not know a unit refuses the pattern."""

_SALT_LENGTH = 256


class Allocation(NamedTuple):
    """The share of matching calls that get the fix."""

    stage: str
    """One of `STAGES`."""
    treat: int
    """Calls that get the fix, of `WHOLE`."""
    valid_until_ms: Optional[int] = None
    """Unix time after which a trial ends by itself when Core is not heard of; None: never."""
    unit: str = CALL
    """One of `UNITS`."""
    salt: str = ""
    """What makes the arms of runs independent of those in other trials; empty for calls."""

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
        unit, salt = document.get("unit", CALL), document.get("salt", "")
        if unit not in UNITS:
            raise PatternError(f"allocation.unit is {show(unit)}; use {', '.join(UNITS)}.")
        if not (
            isinstance(salt, str) and len(salt) <= _SALT_LENGTH and bool(salt) == (unit == RUN)
        ):
            raise PatternError(
                f"allocation.salt is {show(salt)}; give 1 to {_SALT_LENGTH} characters "
                f'for the unit "{RUN}", and none for "{CALL}".'
            )
        return cls(stage, treat, valid_until_ms, unit, salt)

    def to_json(self) -> Dict[str, Any]:
        """Return the form that `parse` reads.

        What is usual is left out. A Runtime that knows calls alone refuses the rest as unknown.
        """
        document: Dict[str, Any] = {"stage": self.stage, "treat": self.treat}
        if self.valid_until_ms is not None:
            document["valid_until_ms"] = self.valid_until_ms
        if self.unit != CALL:
            document.update(unit=self.unit, salt=self.salt)
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

    def toss(self, run: Optional[bytes] = None) -> str:
        """Toss the coin for one call, or for the run with this hash; return the arm.

        A larger `treat` only adds treated runs: none changes from treated to control.
        """
        drawn = random.getrandbits(32) if run is None else int.from_bytes(run[:4], "big")
        return TREATED if drawn < self.treat else CONTROL

    def run_hash(self, key: Optional[str]) -> bytes:
        """Return what stands for a run in this trial; without a key, for a run of one call."""
        if key is None:
            return os.urandom(16)
        return hashlib.sha256(f"{self.salt}\0{key}".encode("utf-8", "replace")).digest()[:16]
