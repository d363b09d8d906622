"""Narrows the condition of a learned pattern during its trial, as calls without the fix show it."""

from __future__ import annotations

import logging
from typing import Protocol

from arc_core.learning.narrowing import narrowed as narrowed_by
from arc_core.learning.recorded import request
from arc_core.registry.errors import IllegalMoveError
from arc_core.registry.lifecycle import State
from arc_core.registry.records import PatternRecord
from arc_core.registry.registry import Registry
from arc_core.rollout.decisions import Step
from arc_core.rollout.progress import TARGET, Progress
from arc_core.rollout.room import LEARNER
from arc_core.storage.call_store import MAX_CALLS, Row
from arc_protocol.patterns.allocation import CALL

_logger = logging.getLogger("arc.core.rollout")

NARROWED = "narrowed"
"""What the evidence of a pattern says of that: a list of `before`, the condition, and `left_alone`,
how many calls were `failed` and `healthy`."""
_FIRST_LOOK = 20
"""Calls held back from a fix in force before its condition is looked at; then, twice as many."""
_ENDS = frozenset({State.ACTIVE, State.INCONCLUSIVE})
"""Where a canary may lead that its condition is looked at before."""
_MORE = 1.1
"""How many times as many calls are worth another look, where a person is asked and takes time."""


class LeftAlone(Protocol):
    """What is asked of the call store."""

    def left_alone(self, project: str, rollout_id: str, limit: int) -> list[Row]:
        """Return calls of a rollout that were sent as they were asked for."""


class Scope:
    """Looks at how far conditions reach, and narrows them.

    What is cut off had the failure no more often than calls that are not matched, so the proof that
    the fix helps is that of the calls which stay: the trial goes on with all that was seen.
    """

    def __init__(self, calls: LeftAlone, registry: Registry) -> None:
        self._calls = calls
        self._registry = registry

    def narrowed(
        self, record: PatternRecord, progress: Progress, step: Step | None
    ) -> PatternRecord | None:
        """Return the pattern with a narrower condition; None where it stays.

        `step` is what the trial has come to. What the new revision needs to know of the trial so
        far is written into `progress`, which the caller keeps.
        """
        if not _is_due(record, progress, step):
            return None
        progress.looked = progress.benefit[TARGET].calls[0]
        trial = f"{record.name}@{record.revision}"
        failing, healthy = [], []
        for row in self._calls.left_alone(record.project, trial, MAX_CALLS):
            if row["failure_signature"] == progress.signature:
                failing.append(request(row))
            elif not (row["failed"] or row["failure_signature"]):
                healthy.append(request(row))
        condition = narrowed_by(record.document["pattern"], failing, healthy)
        if condition is None:
            return None
        reason = "calls that it left alone are healthy where it matches no longer"
        seen = {"failed": len(failing), "healthy": len(healthy)}
        before = record.evidence.get(NARROWED, ())
        evidence = [*before, {"before": record.document["pattern"], "left_alone": seen}]
        try:
            narrower = self._registry.revise(
                record,
                {**record.document, "pattern": condition},
                reason=reason,
                evidence={**record.evidence, NARROWED: evidence},
            )
        except IllegalMoveError as problem:  # a person was quicker; the next run sees it
            _logger.info("%s", problem)
            return None
        _logger.info('Pattern "%s" is narrowed to %s: %s.', narrower.name, condition, reason)
        progress.narrow()
        return narrower


def _is_due(record: PatternRecord, progress: Progress, step: Step | None) -> bool:
    if record.author != LEARNER or record.state not in (State.CANARY, State.ACTIVE):
        return False
    if progress.unit != CALL or progress.by_people or not progress.signature:
        return False  # what is healthy shows in whole runs, or in what people say
    left = progress.benefit[TARGET].calls[0]
    if record.state is State.ACTIVE:
        return left >= max(_FIRST_LOOK, 2 * progress.looked)
    # while the canary goes on, few calls might cut off what later ones show to fail
    return step is not None and step.to in _ENDS and left > _MORE * progress.looked
