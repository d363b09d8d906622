"""A person lets a pattern go on, where steps have to be approved."""

from __future__ import annotations

from datetime import datetime, timezone

from arc_core.registry.errors import IllegalMoveError
from arc_core.registry.records import PatternRecord
from arc_core.registry.registry import Registry
from arc_core.rollout.controller import runs_of
from arc_core.rollout.decisions import Step
from arc_core.rollout.progress_json import kept_progress, summary
from arc_core.rollout.room import CHANGES_CALLS, LEARNER, crowded
from arc_core.rollout.settings import RolloutSettings
from arc_core.rollout.shares import allocation


def proposal(registry: Registry, record: PatternRecord) -> Step | None:
    """Return the step that waits for a person's approval, None if none does."""
    progress = registry.progress(record.project, record.name) or {}
    proposed = progress.get("proposed")
    if proposed is None or progress.get("stage") != record.state.value:
        return None
    return Step.from_json(proposed)


def approve(
    registry: Registry,
    project: str,
    name: str,
    *,
    author: str,
    reason: str,
    settings: RolloutSettings | None = None,
) -> PatternRecord:
    """Take the step that the evidence proposes for a pattern.

    Raises `UnknownPatternError`, or `IllegalMoveError` if nothing is proposed, or if as many
    learned patterns change calls as may.
    """
    settings = settings or RolloutSettings()
    record = registry.pattern(project, name)
    progress = kept_progress(registry, record)
    step = proposal(registry, record)
    if step is None or progress is None:
        raise IllegalMoveError(
            f'Pattern "{name}" is {record.state.value} and waits for no approval.'
        )
    begins = record.state not in CHANGES_CALLS and step.to in CHANGES_CALLS
    if begins and record.author == LEARNER:
        full = crowded(registry.patterns(project), name, settings.most_active)
        if full is not None:
            raise IllegalMoveError(f'Pattern "{name}" has to wait: {full}, as many as may be.')
    now = datetime.now(timezone.utc)
    return registry.transition(
        project,
        name,
        step.to,
        author=author,
        reason=reason or f"approved: {step.reason}",
        evidence=summary(progress),
        allocation=allocation(
            *(step.to, step.share, now, settings), runs_of=runs_of(record, progress)
        ),
        seen=record,
    )
