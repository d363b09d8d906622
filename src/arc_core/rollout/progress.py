"""Where the trial of a pattern stands: plain data, moved on by each call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from arc_core.detection.runs import RUN_KINDS
from arc_core.model.feedback import FAILURE
from arc_core.registry.lifecycle import State
from arc_core.rollout.evidence.assignment import AssignmentTest, Direction
from arc_core.rollout.evidence.baseline import Baseline
from arc_core.rollout.evidence.coin import CoinTest
from arc_core.rollout.evidence.holdback import HoldbackTest
from arc_core.rollout.evidence.new_failures import NewFailures
from arc_core.rollout.evidence.relative_risk import RelativeRisk
from arc_core.rollout.evidence.rise import RiseTest
from arc_core.rollout.outcomes import Outcome
from arc_core.rollout.rescue import Rescue
from arc_core.rollout.runs import Runs
from arc_protocol.cures.kinds import INVALID_REQUEST
from arc_protocol.patterns.allocation import CALL, RESCUE, RUN, UNITS

TARGET, ANY, SLOW, TOKENS, COST = "target", "any", "slow", "tokens", "cost"
RATED = "rated"
"""What counts as bad: the failure that the fix is for; every failure; every failure and calls that
take longer, more tokens, or more money than 95 % of the healthy ones did; replies of which people
say so.

A fix that cures lets calls through to whatever else may befall them, and a call that succeeds
takes longer than one that is refused at once. So the guards ask whether treated calls are worse on
the whole; to ask it of healthy calls alone would compare a choice of them with another one.
"""
BENEFITS = (TARGET, ANY)
HARMS = (TARGET, ANY, SLOW, TOKENS, COST, RATED)

_RARE, _MOSTLY = 0.05, 0.95
"""Failure rates: of a failure that counts as gone, and of one that nothing has been done about."""
_ON_TRIAL = frozenset({State.SHADOW, State.RESCUE, State.CANARY, State.ACTIVE, State.DORMANT})
_HEALTHY = (0.1, 0.4)
"""Share of healthy calls among those that a pattern matches and leaves alone, where all recorded
ones had failed: up to which that may be chance, and to look for."""
_DOUBT = 4.0
"""Healthy calls that are added to those seen in shadow, before they say how often calls fail."""
_USUAL_RATE = 0.2
"""Failure rate of matching calls where nothing is known about it."""
_SURE = 10
"""Calls that all had the failure, from which on it is taken to be one of every matching call."""
_TELLING = 20
"""Calls without the fix that say how often they fail."""


@dataclass
class Progress:
    """All that is known of one trial.

    Where the store has been read up to is kept together with what was seen there, so that no call
    counts twice, whenever the process ends.
    """

    signature: str
    """The failure that the fix is for; empty: every failure."""
    rate: float
    """Failure rate of matching calls without the fix, as known last, from 0 to 1."""
    by_people: bool = False
    """Whether it is one that people alone see. Then calls that somebody has judged are compared,
    each by the first word on it, when that comes; all others say nothing of the fix."""
    unit: str = CALL
    """What is assigned to an arm as a whole, and counts once: a call or a run."""
    deterministic: bool = False
    """Whether every matching call failed that was recorded, or seen in shadow."""
    alike: int = 0
    """Such calls; 0 once one of them had nothing wrong."""
    immediate: bool = False
    """Whether the failure is the provider's refusal of a request: the same call can be tried again
    at once."""
    stage: str = State.CANDIDATE.value
    """The state of the pattern for which calls are counted."""
    share: float = 0.0
    """Of matching calls that get the fix."""
    cursor: str | None = None
    """The last call that was counted; see `CallStore.outcomes`."""
    needed: float = 0.0
    """Evidence that leads the pattern to the next stage."""
    calls: int = 0
    """Units seen in this stage."""
    failed: int = 0
    """Of the calls that were watched in shadow."""
    watched_rate: float = 0.0
    """At which these failed; a little less, as they are few."""
    treated: int = 0
    """Treated ones seen with this share."""
    entered_us: int = 0
    """When the stage began, in microseconds since 1970 UTC."""
    quiet_since_us: int = 0
    """Since then the failure has not been seen, or not been looked for."""
    benefit: dict[str, AssignmentTest] = field(default_factory=dict)
    harm: dict[str, AssignmentTest] = field(default_factory=dict)
    durations: Baseline = field(default_factory=Baseline)
    tokens: Baseline = field(default_factory=Baseline)
    costs: Baseline = field(default_factory=Baseline)
    runs: Runs = field(default_factory=Runs)
    others: NewFailures = field(default_factory=NewFailures)
    """Failures other than the one that the fix is for, in this stage."""
    risk: RelativeRisk = field(default_factory=RelativeRisk)
    """How many times as often treated calls have the failure."""
    coin: CoinTest = field(default_factory=CoinTest)
    fall: HoldbackTest | None = None
    """Whether the failure has gone."""
    ease: HoldbackTest | None = None
    """Whether the failure has become rarer than it was; few held-back calls can say so."""
    rise: RiseTest | None = None
    """What is looked for depends on the stage: a fix that cures nothing, one that has begun to
    fail, or a failure that is back."""
    rescue: Rescue | None = None
    broad: RiseTest | None = None
    """Whether calls of the control arm are healthy, where all recorded ones had failed."""
    looked: int = 0
    """Calls without the fix, in this stage, at the last look at how far the condition reaches."""
    proposed: dict[str, Any] | None = None
    """The next step, which waits for a person."""
    obstacle: str | None = None
    """Why the canary cannot begin although the pattern is ready for it."""

    @classmethod
    def of_evidence(cls, evidence: dict[str, Any]) -> Progress:
        """Begin with what came with a pattern: the `signature` and `kind` of the failure, and
        `failed` of `matching` calls."""
        matching, failed = evidence.get("matching") or 0, evidence.get("failed") or 0
        by_people = evidence.get("kind") == FAILURE
        # that nobody praises is no proof that all are bad
        alike = 0 if by_people or matching > failed else failed
        return cls(
            signature=evidence.get("signature") or "",
            rate=_inside(failed / matching) if matching else _USUAL_RATE,
            by_people=by_people,
            deterministic=alike >= _SURE,
            alike=alike,
            unit=_unit(evidence),
            immediate=evidence.get("kind") == INVALID_REQUEST,
        )

    def enter(self, state: State, share: float, now_us: int, *, doubted: bool = False) -> None:
        """Begin to count for a state; what is known of healthy calls stays.

        `doubted` is a fix in force of which more is held back, to see what it does.
        """
        before = self.harm.get(ANY)
        if state is State.ACTIVE and not doubted:
            self._learn_rate()
        self.stage, self.share = state.value, share
        self.entered_us = self.quiet_since_us = now_us
        self.proposed = self.obstacle = None
        if state not in _ON_TRIAL:
            return  # what was seen last is what people will ask for
        self.calls = self.treated = self.looked = 0
        self.coin, self.risk, self.others = CoinTest(), RelativeRisk(), NewFailures()
        self.fall = self.ease = self.rise = self.rescue = self.broad = None
        self.benefit = {bad: AssignmentTest(Direction.BENEFIT, self.rate) for bad in BENEFITS}
        self.harm = {bad: AssignmentTest(Direction.HARM, self.rate) for bad in HARMS}
        gone = min(_RARE, self.rate / 4)
        if state in (State.SHADOW, State.RESCUE):
            self.fall = HoldbackTest(self.rate / 2)
            self.failed = 0 if state is State.SHADOW else self.failed
            self.rescue = Rescue.begin(now_us) if state is State.RESCUE else None
        elif state is State.CANARY and self.deterministic:
            self.rise = RiseTest(0.5, _MOSTLY)
            self.broad = RiseTest(*_HEALTHY)
        elif state is State.ACTIVE:
            self.fall = HoldbackTest(gone)
            if not doubted:
                self.ease = HoldbackTest(self.rate / 2)
                tolerated = _tolerated(before)
                back = min(max(self.rate, 2 * tolerated), _MOSTLY)
                self.rise = RiseTest(tolerated, back)
        elif state is State.DORMANT:
            self.rise = RiseTest(gone, 0.5)

    def _learn_rate(self) -> None:
        """Take what a trial or a doubt that ends has shown of calls without the fix."""
        shown = self.benefit.get(TARGET)
        if shown is not None and shown.calls[0] >= _TELLING:
            self.rate = _inside(shown.failures[0] / shown.calls[0])

    def widen(self, share: float) -> None:
        """Go on with another share, and with all that was seen."""
        self.share, self.treated, self.proposed = share, 0, None

    def narrow(self) -> None:
        """Go on with fewer calls, without those that are healthy anyhow."""
        self.proposed = None
        if self.broad is not None:
            self.broad = RiseTest(*_HEALTHY)

    def observe(self, outcome: Outcome) -> None:
        """Take one call; it counts at once, or with its run when that is over."""
        self.cursor = outcome.cursor
        if self.unit == RUN and outcome.unit:
            if outcome.rated and not outcome.failed:
                return  # a word of praise makes no other run of it
            self.runs.observe(outcome, targeted=self._bad(outcome)[TARGET])
        else:
            self._observe(outcome)

    def settle(self, now_us: int) -> bool:
        """Count the runs that are over; tell whether there were any."""
        ended = self.runs.over(now_us)
        for outcome in ended:
            self._observe(outcome)
        return bool(ended)

    def _observe(self, outcome: Outcome) -> None:
        bad = self._bad(outcome)
        if not outcome.treated:
            if bad[TARGET]:
                self.quiet_since_us = max(self.quiet_since_us, outcome.started_us)
            if not (outcome.failed or outcome.rated):
                self.durations.observe(outcome.duration_ms)
                if outcome.tokens:
                    self.tokens.observe(outcome.tokens)
                    self.costs.observe(outcome.cost)
        if self.rescue is not None:
            if not outcome.rated:
                self._retry(self.rescue, outcome, bad)
        elif self.stage in (State.SHADOW.value, State.DORMANT.value):
            self._watch(outcome, bad)
        elif 0.0 < outcome.probability < 1.0 and outcome.stage != RESCUE:
            self._compare(outcome, bad)

    def _bad(self, outcome: Outcome) -> dict[str, bool]:
        failed = outcome.failed
        return {
            TARGET: outcome.signature == self.signature if self.signature else failed,
            ANY: failed,
            SLOW: failed or self.durations.exceeded(outcome.duration_ms),
            TOKENS: failed or self.tokens.exceeded(outcome.tokens),
            COST: failed or self.costs.exceeded(outcome.cost),
            RATED: failed,
        }

    def _decides(self, outcome: Outcome) -> bool:
        """Tell whether an outcome says how often the failure is there."""
        # a run has what was said of its calls while it went on
        return self.unit == RUN or outcome.rated == self.by_people

    def _guarded_by(self, name: str, outcome: Outcome) -> bool:
        """Tell whether a guard looks at an outcome: no coin may count twice for one of them."""
        if name == TARGET:
            return self._decides(outcome)
        return outcome.rated == (name == RATED)

    def _watch(self, outcome: Outcome, bad: dict[str, bool]) -> None:
        """Count a call while nothing is changed."""
        if outcome.treated:
            return  # of an earlier stage, late
        self.calls += not outcome.rated
        if not self._decides(outcome):
            return
        if self.stage == State.SHADOW.value:
            self.failed += bad[TARGET]
            self.watched_rate = self.failed / (self.calls + _DOUBT)
            if self.alike and bad[ANY] == bad[TARGET]:
                self.alike = self.alike + 1 if bad[TARGET] else 0
                self.deterministic = self.alike >= _SURE
        if self.fall is not None:
            self.fall.observe(failed=bad[TARGET])
        if self.rise is not None:
            self.rise.observe(failed=bad[TARGET])

    def _retry(self, rescue: Rescue, outcome: Outcome, bad: dict[str, bool]) -> None:
        """Count a call that failed, and may have been sent again."""
        if self.fall is not None:
            self.fall.observe(failed=bad[TARGET])
        if bad[TARGET] and rescue.observe(outcome):
            self.calls += 1
            self.treated += outcome.treated
            self.coin.observe(treated=outcome.treated, probability=outcome.probability)

    def _compare(self, outcome: Outcome, bad: dict[str, bool]) -> None:
        """Count a call whose arm was drawn."""
        treated, probability = outcome.treated, outcome.probability
        if not outcome.rated:
            self.calls += 1
            self.treated += treated
            self.coin.observe(treated=treated, probability=probability)
        if outcome.signature and not (bad[TARGET] or outcome.transient or outcome.rated):
            self.others.observe(outcome.signature, treated=treated, probability=probability)
        for name, test in self.harm.items():
            if self._guarded_by(name, outcome):
                test.observe(treated=treated, failed=bad[name], probability=probability)
        if self.stage == State.ACTIVE.value and self.rise is not None:
            # in force for long: what went well then must not outweigh a change now
            for test in self.harm.values():
                test.begin_anew_after_losses()
        if not self._decides(outcome):
            return
        for name, test in self.benefit.items():
            test.observe(treated=treated, failed=bad[name], probability=probability)
        if bad[TARGET]:
            self.risk.observe(treated=treated, probability=probability)
        for rarer in (self.fall, self.ease):
            if rarer is not None and not treated:
                rarer.observe(failed=bad[TARGET])
        if self.rise is not None and treated:
            self.rise.observe(failed=bad[ANY])
        if self.broad is not None and not treated and bad[ANY] == bad[TARGET]:
            self.broad.observe(failed=not bad[TARGET])


def _inside(rate: float) -> float:
    """Return a rate that is neither never nor always, which no number of calls can show."""
    return min(max(rate, 0.001), 0.999)


def _unit(evidence: dict[str, Any]) -> str:
    stated = evidence.get("unit")
    if stated in UNITS:
        return str(stated)
    return RUN if evidence.get("kind") in RUN_KINDS else CALL


def _tolerated(before: AssignmentTest | None) -> float:
    """Return the failure rate of treated calls that is nothing new, from their earlier trial."""
    if before is None or before.calls[1] < 20:
        return 0.1
    return min(0.45, max(0.05, 2 * before.failures[1] / before.calls[1]))
