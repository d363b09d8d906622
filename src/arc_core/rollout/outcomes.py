"""How a call ended that was part of a trial."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from arc_core.storage.call_store import arrival_cursor
from arc_protocol.patterns.allocation import TREATED


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a trial needs to know of one call."""

    cursor: str
    """Where to go on in the store after it."""
    started_us: int
    """Microseconds since 1970 UTC."""
    treated: bool
    probability: float
    """With which it was treated, from 0 to 1."""
    failed: bool
    signature: str
    """Of its failure; empty when nothing was wrong."""
    duration_ms: float
    tokens: int
    """Read and written; 0 when not known."""

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Outcome:
        """Read a row of `CallStore.outcomes`."""
        return cls(
            cursor=arrival_cursor(dict(row)),
            started_us=row["start_time"],
            treated=row["rollout_arm"] == TREATED,
            probability=row["rollout_probability"] or 0.0,
            failed=bool(row["failed"] or row["failure_signature"]),
            signature=row["failure_signature"],
            duration_ms=row["duration_ms"],
            tokens=(row["input_tokens"] or 0) + (row["output_tokens"] or 0),
        )
