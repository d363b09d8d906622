"""How a trial stands, for people: arms, effect, evidence, guards, and what it waits for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from arc_core.registry.lifecycle import State
from arc_core.registry.records import PatternRecord
from arc_core.registry.registry import Registry
from arc_core.rollout.approval import proposal
from arc_core.rollout.decisions import Step
from arc_core.rollout.evidence.assignment import AssignmentTest
from arc_core.rollout.evidence.relative_risk import Interval
from arc_core.rollout.progress import ANY, COST, HARMS, RATED, SLOW, TARGET, TOKENS, Progress
from arc_core.rollout.progress_json import kept_progress
from arc_core.rollout.settings import RolloutSettings
from arc_core.rollout.waiting import waits_for
from arc_core.storage.call_store import microseconds

SHOWN = frozenset(
    {State.CANDIDATE, State.SHADOW, State.RESCUE, State.CANARY, State.ACTIVE, State.DORMANT}
)
"""States of patterns on trial, or proven."""

_COMPARING = (State.CANARY, State.ACTIVE)
"""States in which some calls are treated and others are not."""
_GREATEST = 1e300
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_EQUAL = 1e-6

GUARDS = {
    TARGET: "this failure",
    ANY: "any failure",
    SLOW: "failures and slow calls",
    TOKENS: "failures and many tokens",
    COST: "failures and costly calls",
    RATED: "bad feedback",
}
"""What guards look at, for people."""


@dataclass(frozen=True, slots=True)
class Arm:
    """The calls with the fix, or those without it."""

    calls: int
    failed: int
    """With the failure that the fix is for."""
    failed_any: int
    """With any failure."""


@dataclass(frozen=True, slots=True)
class Guard:
    """Something that must not become worse."""

    name: str
    watches: str
    """What it looks at, for people."""
    state: str
    """quiet, worried (the share does not grow) or tripped (the pattern is withdrawn)."""
    evidence: float
    """That treated calls are worse."""
    limit: float
    """Evidence at which it trips."""


@dataclass(frozen=True, slots=True)
class Report:
    """One trial at one moment."""

    name: str
    revision: int
    state: State
    share: float
    """Of matching calls that get the fix, from 0 to 1."""
    since: datetime
    """When its state began."""
    signature: str
    """The failure that the fix is for; empty: every failure."""
    rate_before: float
    """Failure rate of matching calls before the trial."""
    unit: str
    """What counts once: a call, or a whole run."""
    calls: int
    """Matching ones of those seen in this state."""
    control: Arm | None
    """None, as all that follows, before calls are treated."""
    treated: Arm | None
    relative_risk: Interval | None
    """How many times as often treated calls have the failure; true at any moment with 95 %."""
    benefit: float | None
    """Evidence that treated calls have this failure less often."""
    benefit_any: float | None
    """Evidence that treated calls fail less often in any way."""
    needed: float | None
    """Both of those at which the fix counts as proven."""
    guards: tuple[Guard, ...]
    waits_for: str
    """One sentence without a full stop."""
    calls_to_go: int | None
    """Matching units that this probably takes; None: not known."""
    proposed: Step | None
    """What waits for a person's approval."""


def report(
    registry: Registry, record: PatternRecord, settings: RolloutSettings, now: datetime
) -> Report | None:
    """Return how the trial of a pattern stands; None if it never was on trial."""
    progress = kept_progress(registry, record)
    if progress is None:
        return None
    ended = record.state not in SHOWN
    to_go = None
    if ended:
        compared = bool(progress.benefit) and any(progress.benefit[TARGET].calls)
        waiting = _ended(registry, record)
    elif progress.stage != record.state.value:
        compared = False
        waiting = "begins as soon as Core looks at it"
    else:
        compared = record.state in _COMPARING
        waiting, to_go = waits_for(progress, settings, microseconds(now))
    return Report(
        name=record.name,
        revision=record.revision,
        state=record.state,
        share=progress.share,
        since=_EPOCH + timedelta(microseconds=progress.entered_us),
        signature=progress.signature,
        rate_before=progress.rate,
        unit=progress.unit,
        calls=progress.calls,
        control=_arm(progress, 0) if compared else None,
        treated=_arm(progress, 1) if compared else None,
        relative_risk=progress.risk.interval() if compared else None,
        benefit=_evidence(progress.benefit[TARGET]) if compared else None,
        benefit_any=_evidence(progress.benefit[ANY]) if compared else None,
        needed=progress.needed or None if compared else None,
        guards=_guards(progress, settings) if compared else (),
        waits_for=waiting,
        calls_to_go=to_go,
        proposed=None if ended else proposal(registry, record),
    )


def _ended(registry: Registry, record: PatternRecord) -> str:
    last = registry.history(record.project, record.name)[-1]
    return f"waits for nothing: {last.reason}" if last.reason else "waits for nothing"


def _arm(progress: Progress, arm: int) -> Arm:
    target, every = progress.benefit[TARGET], progress.benefit[ANY]
    return Arm(target.calls[arm], target.failures[arm], every.failures[arm])


def _guards(progress: Progress, settings: RolloutSettings) -> tuple[Guard, ...]:
    usual = 1.0 - settings.holdback
    in_force = progress.stage == State.ACTIVE.value and progress.share >= usual - _EQUAL
    limit = settings.alarm if in_force else settings.harm
    return tuple(
        _guard(name, progress.harm[name], limit, settings)
        for name in HARMS
        if name in progress.harm
    )


def _guard(name: str, test: AssignmentTest, limit: float, settings: RolloutSettings) -> Guard:
    state = "quiet"
    if test.reaches(limit):
        state = "tripped"
    elif test.reaches(settings.worry):
        state = "worried"
    return Guard(name, GUARDS[name], state, _evidence(test), limit)


def _evidence(test: AssignmentTest) -> float:
    return min(math.exp(min(test.log_evidence, 700.0)), _GREATEST)
