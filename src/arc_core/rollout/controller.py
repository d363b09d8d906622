"""Moves patterns through their trials as the outcomes of calls demand it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from datetime import datetime, timezone
from typing import Protocol

from arc_core.registry.errors import IllegalMoveError
from arc_core.registry.lifecycle import State
from arc_core.registry.records import PatternRecord
from arc_core.registry.registry import Registry
from arc_core.rollout.decisions import Facts, Step, decide
from arc_core.rollout.evidence.discoveries import evidence_needed
from arc_core.rollout.fleet import Fleet
from arc_core.rollout.outcomes import Outcome
from arc_core.rollout.overlap import disputed, matches, overlap, same_api
from arc_core.rollout.progress import Progress
from arc_core.rollout.progress_json import kept_progress, summary, to_json
from arc_core.rollout.recent_requests import Examples, RecentRequests
from arc_core.rollout.room import LEARNER, crowded
from arc_core.rollout.scope import LeftAlone, Scope
from arc_core.rollout.settings import RolloutSettings
from arc_core.rollout.shares import LEASED, allocation
from arc_core.storage.call_store import MAX_OUTCOMES, Row, microseconds
from arc_protocol.patterns import Pattern
from arc_protocol.patterns.allocation import RUN
from arc_protocol.patterns.policy import refusal

_logger = logging.getLogger("arc.core.rollout")

AUTHOR = "rollout"
"""Who takes the steps, in the history."""

_EQUAL = 1e-6
"""Shares that differ by less are the same: Runtimes are told a whole number."""
_TRIED = frozenset(
    {
        *(State.CANDIDATE, State.SHADOW, State.RESCUE),
        *(State.CANARY, State.ACTIVE, State.DORMANT),
    }
)
_EARLY = frozenset({State.CANDIDATE, State.SHADOW, State.RESCUE})
"""States that wait for other things than calls of the trial as well."""
_RUNNING = frozenset({State.RESCUE, State.CANARY})
"""States in which the coin is tossed for calls."""


class Calls(Examples, LeftAlone, Protocol):
    """What is asked of the call store."""

    def outcomes(
        self, project: str, rollout_id: str, after: str | None = None, limit: int = MAX_OUTCOMES
    ) -> list[Row]:
        """Return how the calls of a rollout ended, in the order in which they were received."""


def _now() -> datetime:
    return datetime.now(timezone.utc)


class Controller:
    """Runs the trials of all patterns; one per registry, in one thread.

    All that it knows is in the registry, so it may end at any moment and begin anew.
    """

    def __init__(
        self,
        calls: Calls,
        registry: Registry,
        settings: RolloutSettings | None = None,
        *,
        manual: bool = False,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        """With `manual`, a person approves what goes to the canary, and what comes from it.

        Learned fixes that the policy "safe" does not allow wait for a person in any case: they may
        have been proposed while Core ran with manual approval.
        """
        self._calls = calls
        self._registry = registry
        self._settings = settings or RolloutSettings()
        self._manual = manual
        self._clock = clock
        self._fleet = Fleet(registry, clock)
        self._recent = RecentRequests(calls, clock)
        self._scope = Scope(calls, registry)

    def run(self, project: str, names: Collection[str] | None = None) -> None:
        """Count the new outcomes of these patterns, or of all, and take the steps that follow.

        Patterns before their canary are always among them. Raises `RegistryError` or `StoreError`.
        """
        for record in self._registry.patterns(project):
            if names is None or record.state in _EARLY or record.name in names:
                self._advance(record)

    def _advance(self, record: PatternRecord) -> None:
        if not _on_trial(record):
            return
        progress, changed = self._progress(record)
        changed |= self._count(record, progress)
        if changed:
            self._keep(record, progress)
        # one step may follow the other at once; each is a different state or share
        while _on_trial(record):
            facts = self._facts(record, progress)
            if facts.obstacle != progress.obstacle:
                progress.obstacle = facts.obstacle
                self._keep(record, progress)
            step = decide(progress, facts, self._settings)
            narrower = self._scope.narrowed(record, progress, step)
            if narrower is not None:
                record = narrower
                self._keep(record, progress)
                continue
            if step is None:
                self._renew(record, progress)
                return
            if step.asks and (self._manual or _reaches_far(record)):
                self._propose(record, progress, step)
                self._renew(record, progress)
                return
            moved = self._take(record, progress, step)
            if moved is None:
                return
            record = moved

    def _progress(self, record: PatternRecord) -> tuple[Progress, bool]:
        """Return how a trial stands, and whether it is news: somebody else may have moved it."""
        kept = kept_progress(self._registry, record)
        progress = Progress.of_evidence(record.evidence) if kept is None else kept
        share = _share(record)
        if record.state.value != progress.stage:
            self._enter(record, progress, share)
            return progress, True
        if abs(share - progress.share) < _EQUAL:
            return progress, kept is None
        # Core ended between taking a step and noting it
        if record.state is State.CANARY:
            progress.widen(share)
        else:
            self._enter(record, progress, share)
        return progress, True

    def _count(self, record: PatternRecord, progress: Progress) -> bool:
        changed = False
        trial = f"{record.name}@{record.revision}"
        while True:
            rows = self._calls.outcomes(record.project, trial, progress.cursor)
            for row in rows:
                progress.observe(Outcome.of(row))
            changed = changed or bool(rows)
            if len(rows) < MAX_OUTCOMES:
                return progress.settle(self._now_us()) or changed

    def _facts(self, record: PatternRecord, progress: Progress) -> Facts:
        learned, early = record.author == LEARNER, record.state in _EARLY
        return Facts(
            now_us=self._now_us(),
            obstacle=self._obstacle(record, progress),
            rescuers=self._fleet.rescuers(record.project) if early else 0,
            unfit=self._fleet.unfit(record) if learned else None,
        )

    def _obstacle(self, record: PatternRecord, progress: Progress) -> str | None:
        """Say why a pattern cannot begin to change calls now, by a trial or since it is back."""
        if record.state not in (State.SHADOW, State.DORMANT) or record.author != LEARNER:
            return None
        patterns = self._registry.patterns(record.project)
        full = crowded(patterns, record.name, self._settings.most_active)
        if full is not None or record.state is State.DORMANT:
            return full
        others = [each for each in patterns if each.name != record.name and each.author == LEARNER]
        mine = Pattern.parse(record.document)
        project, recent = record.project, self._recent
        own = recent.failing(project, progress.signature)
        calls = [*own, *recent.healthy(project, mine.provider, mine.operation)]
        matched = [request for request in calls if matches(mine, request)]
        for each in others:
            if each.state not in _RUNNING:
                continue
            theirs = Pattern.parse(each.document)
            if not same_api(mine, theirs):
                continue
            failing = recent.failing(project, each.evidence.get("signature") or "")
            if overlap(mine, theirs, [*matched, *failing]):
                return f'the trial of "{each.name}" concerns the same calls'
        for each in others:
            # other fixes are applied in both arms alike
            if each.state is State.ACTIVE and disputed(mine, Pattern.parse(each.document), matched):
                return f'"{each.name}", which is in force, changes the same of the same calls'
        return None

    def _propose(self, record: PatternRecord, progress: Progress, step: Step) -> None:
        if progress.proposed != step.to_json():
            progress.proposed = step.to_json()
            self._keep(record, progress)
            _logger.info(
                'Pattern "%s" may become %s: %s; `arc patterns approve %s` lets it.',
                *(record.name, step.to.value, step.reason, record.name),
            )

    def _take(self, record: PatternRecord, progress: Progress, step: Step) -> PatternRecord | None:
        try:
            moved = self._registry.transition(
                record.project,
                record.name,
                step.to,
                author=AUTHOR,
                reason=step.reason,
                evidence=summary(progress),
                allocation=allocation(
                    *(step.to, step.share, self._clock(), self._settings),
                    runs_of=runs_of(record, progress),
                ),
                seen=record,
            )
        except IllegalMoveError as problem:  # a person was quicker; the next run sees it
            _logger.info("%s", problem)
            return None
        _logger.info('Pattern "%s" is %s: %s.', record.name, moved.state.value, step.reason)
        if moved.state is State.CANARY and record.state is State.CANARY:
            progress.widen(step.share)
        else:
            self._enter(moved, progress, step.share)
        self._keep(moved, progress)
        return moved

    def _enter(self, record: PatternRecord, progress: Progress, share: float) -> None:
        usual = 1.0 - self._settings.holdback
        doubted = record.state is State.ACTIVE and share < usual - _EQUAL
        progress.enter(record.state, share, self._now_us(), doubted=doubted)
        if record.state is State.RESCUE:
            progress.needed = self._settings.rescued
        elif record.state is State.CANARY:
            trials = self._registry.count_moves(record.project, State.CANARY)
            promotions = self._registry.count_moves(
                record.project, State.ACTIVE, origin=State.CANARY
            )
            progress.needed = evidence_needed(max(trials, 1), promotions)

    def _renew(self, record: PatternRecord, progress: Progress) -> None:
        """Let a trial go on that would end by itself."""
        if record.state not in LEASED:
            return
        kept = record.allocation or {}
        half_s = self._settings.lease_s / 2
        left_s = kept.get("valid_until_ms", 0) / 1000 - self._clock().timestamp()
        if left_s > half_s:
            return
        lease = allocation(
            *(record.state, _share(record), self._clock(), self._settings),
            runs_of=runs_of(record, progress),
        )
        try:
            self._registry.transition(
                *(record.project, record.name, record.state),
                author=AUTHOR,
                reason="the trial goes on",
                allocation=lease,
                seen=record,
            )
        except IllegalMoveError as problem:
            _logger.info("%s", problem)

    def _keep(self, record: PatternRecord, progress: Progress) -> None:
        self._registry.keep_progress(
            record.project, record.name, record.revision, to_json(progress)
        )

    def _now_us(self) -> int:
        return microseconds(self._clock())


def _reaches_far(record: PatternRecord) -> bool:
    """Tell whether a learned fix touches what no fix may that nobody has looked at."""
    if record.author != LEARNER:
        return False
    return refusal(Pattern.parse(record.document).fix, "safe") is not None


def _on_trial(record: PatternRecord) -> bool:
    """Tell whether a pattern is the rollout's to move: people's only once they try them."""
    if record.state is State.ACTIVE:
        return record.allocation is not None  # otherwise a person put it in force, without trial
    if record.author == LEARNER:
        return record.state in _TRIED
    return record.state in (*_RUNNING, State.DORMANT)


def runs_of(record: PatternRecord, progress: Progress) -> str | None:
    """Return the trial whose units are runs, as `allocation` takes it."""
    return f"{record.name}@{record.revision}" if progress.unit == RUN else None


def _share(record: PatternRecord) -> float:
    document = record.allocation
    return 0.0 if document is None else float(document["treat"]) / (1 << 32)
