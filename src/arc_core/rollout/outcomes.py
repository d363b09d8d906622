"""How a call ended that was part of a trial."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from arc_core.detection.failures import Failed, kind_of
from arc_core.storage.call_store import arrival_cursor
from arc_protocol.cures.kinds import TRANSIENT
from arc_protocol.patterns.allocation import TREATED

_CACHED, _WRITTEN = 0.1, 4.0
"""Prices of a token that is read from the cache and of one that is written, where one that is read
costs 1: about what price lists have. Both arms ask the same models, so it need not be exact."""
_TAKEN = ("duration_ms", "input_tokens", "output_tokens", "cached_tokens")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a trial needs to know of one call."""

    cursor: str
    """Where to go on in the store after it."""
    received_us: int
    """Microseconds since 1970 UTC, by Core's clock."""
    started_us: int
    """Microseconds since 1970 UTC."""
    treated: bool
    probability: float
    """With which it was treated, from 0 to 1."""
    failed: bool
    """Whether anything was wrong, also where the call was healed."""
    signature: str
    """Of its failure; empty when nothing was wrong."""
    transient: bool
    """Whether its failure is one that no request can cause or cure, such as a rate limit."""
    duration_ms: float
    tokens: int
    """Read and written; 0 when not known."""
    cost: float
    """In the price of a token that is read."""
    unit: str = ""
    """What stands for the run that it is part of; empty where calls are assigned singly."""
    stage: str = ""
    """Of the trial, in the Runtime that made the call."""
    raised: bool = False
    """Whether the application saw an error."""
    rated: bool = False
    """Whether this is what was said of the call's reply, and not the call."""

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Outcome:
        """Read a row of `CallStore.outcomes`."""
        if row["rated"]:
            # what the call took was counted with the call
            row = {**row, **dict.fromkeys(_TAKEN, 0)}
        read, cached = row["input_tokens"] or 0, row["cached_tokens"] or 0
        written = row["output_tokens"] or 0
        return cls(
            cursor=arrival_cursor(dict(row)),
            received_us=row["received_at"],
            started_us=row["start_time"],
            treated=row["rollout_arm"] == TREATED,
            probability=row["rollout_probability"] or 0.0,
            failed=bool(row["failed"] or row["failure_signature"]),
            signature=row["failure_signature"],
            transient=bool(row["failed"])
            and not row["rated"]
            and kind_of(Failed.of(row)) in TRANSIENT,
            duration_ms=row["duration_ms"],
            tokens=read + written,
            cost=read - cached * (1 - _CACHED) + written * _WRITTEN,
            unit=row["rollout_unit"],
            stage=row["rollout_stage"],
            raised=bool(row["failed"]),
            rated=row["rated"],
        )
