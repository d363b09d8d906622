"""What the evidence of a trial demands: the next step in the life of the pattern, or none."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from arc_core.registry.lifecycle import State
from arc_core.rollout.progress import ANY, COST, RATED, SLOW, TARGET, TOKENS, Progress
from arc_core.rollout.settings import RolloutSettings
from arc_protocol.patterns.allocation import CALL

_DAY_US = 86_400_000_000
_EQUAL = 1e-6
"""Shares that differ by less are the same: Runtimes are told a whole number."""


@dataclass(frozen=True)
class Facts:
    """What a decision needs to know beyond the trial itself."""

    now_us: int
    obstacle: str | None = None
    """Why the pattern cannot begin to change calls now; None when it can."""
    rescuers: int = 0
    """Runtimes that are connected and send failed calls again."""
    unfit: str | None = None
    """Why Runtimes do not take the pattern; None while they do."""


@dataclass(frozen=True)
class Step:
    """A step to take."""

    to: State
    share: float
    """Of matching calls that shall get the fix there."""
    reason: str
    asks: bool = False
    """Whether a person may want to be asked before."""

    def to_json(self) -> dict[str, Any]:
        """Return the form that `from_json` reads."""
        return {"to": self.to.value, "share": self.share, "reason": self.reason}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Step:
        """Read the form that `to_json` makes."""
        return cls(State(document["to"]), document["share"], document["reason"])


def decide(progress: Progress, facts: Facts, settings: RolloutSettings) -> Step | None:
    """Return the step that a trial has come to, or None while it goes on.

    The tests are valid at any moment, so it may be asked as often as one likes.
    """
    withdrawn = _WITHDRAWN.get(progress.stage)
    if facts.unfit is not None and withdrawn is not None:
        return Step(withdrawn, 0.0, facts.unfit)
    rule = _RULES.get(progress.stage)
    return None if rule is None else rule(progress, facts, settings)


def _candidate(progress: Progress, facts: Facts, settings: RolloutSettings) -> Step:
    return Step(State.SHADOW, 0.0, "tried on recorded calls")


def _shadow(progress: Progress, facts: Facts, settings: RolloutSettings) -> Step | None:
    if progress.fall is not None and progress.fall.gone:
        return Step(State.INCONCLUSIVE, 0.0, "matching calls no longer fail as they did")
    if not progress.deterministic and progress.calls < settings.shadow_calls:
        return _given_up(progress, facts, settings)
    if facts.obstacle is not None:
        waited = _given_up(progress, facts, settings)
        return None if waited is None else replace(waited, reason=facts.obstacle)
    reason = f"matched {progress.calls} calls in shadow"
    if progress.deterministic:
        reason = "every matching call that was recorded or watched failed"
    if progress.immediate and progress.unit == CALL and facts.rescuers:
        reason += f"; {facts.rescuers} Runtimes can try the fix on calls that have failed"
        return Step(State.RESCUE, settings.rescue_share, reason, asks=True)
    return _to_canary(progress, settings, reason)


def _to_canary(progress: Progress, settings: RolloutSettings, reason: str) -> Step:
    # no more calls are put at risk than fail anyway
    rate = 1.0 if progress.deterministic else progress.watched_rate
    share = max((each for each in settings.ramp if each <= rate), default=settings.ramp[0])
    return Step(State.CANARY, share, reason, asks=True)


def _rescue(progress: Progress, facts: Facts, settings: RolloutSettings) -> Step | None:
    rescue = progress.rescue
    if rescue is None or not progress.share:
        return Step(State.RESCUE, settings.rescue_share, "a person began the trial")
    if progress.fall is not None and progress.fall.gone:
        return Step(State.INCONCLUSIVE, 0.0, "matching calls no longer fail as they did")
    if progress.coin.reaches(settings.coin):
        reason = "the arms of the rescue are not reported as they were drawn"
        return _to_canary(progress, settings, reason)
    if rescue.test.reaches(progress.needed):
        return _to_canary(progress, settings, str(rescue))
    if progress.calls >= settings.rescue_calls and not rescue.test.reaches(settings.worry):
        return Step(State.REJECTED, 0.0, str(rescue))
    waited_s = (facts.now_us - rescue.last_us) / 1e6
    if not facts.rescuers:
        reason = "no Runtime is connected that tries fixes on calls that have failed"
    elif rescue.missed >= settings.rescue_missed and waited_s >= settings.rescue_wait_s:
        reason = f"{rescue.missed} calls failed, and no Runtime tried the fix on them"
    elif waited_s >= settings.rescue_patience_s:
        reason = f"no call to try the fix on has come for {waited_s:.0f} s"
    elif progress.calls >= settings.rescue_most:
        reason = f"undecided: {rescue}"
    else:
        return None
    return _to_canary(progress, settings, reason)


def _canary(progress: Progress, facts: Facts, settings: RolloutSettings) -> Step | None:
    harmed = _harmed(progress, settings.harm)
    if harmed is not None:
        return Step(State.ROLLED_BACK, 0.0, harmed)
    if progress.coin.reaches(settings.lost) and progress.calls >= settings.lost_calls:
        reason = "the arms are not reported as they were drawn, so they cannot be compared"
        return Step(State.INCONCLUSIVE, 0.0, reason)
    if progress.coin.reaches(settings.coin):
        return None
    calm = not any(test.reaches(settings.worry) for test in progress.harm.values())
    # where none of the others fails, luck with the coin alone can look like a benefit
    proven = progress.benefit[TARGET].failures[0] > 0 and all(
        test.reaches(progress.needed) for test in progress.benefit.values()
    )
    # a failure that is sure leaves nothing to lose; otherwise harm needs its chance to be seen
    wide = progress.share >= settings.ramp[-1] - _EQUAL
    enough = settings.least_treated if progress.deterministic else settings.step_calls
    looked = (progress.deterministic or wide) and progress.treated >= enough
    calm = calm and not (progress.broad is not None and progress.broad.reaches(settings.worry))
    if calm and proven and looked:
        return Step(State.ACTIVE, 1.0 - settings.holdback, "treated calls fail less", asks=True)
    if progress.rise is not None and progress.rise.reaches(settings.useless):
        return Step(State.INCONCLUSIVE, 0.0, "treated calls fail as the others do")
    if progress.calls >= settings.canary_calls:
        reason = f"{progress.calls} calls have not shown that it helps"
        return Step(State.INCONCLUSIVE, 0.0, reason)
    if progress.risk.interval().low > settings.least_relief:
        return Step(State.INCONCLUSIVE, 0.0, "treated calls fail nearly as often as the others")
    if progress.broad is not None and progress.broad.reaches(settings.broad):
        reason = "it matches healthy calls, unlike those that it was learned from"
        return Step(State.INCONCLUSIVE, 0.0, reason)
    if not progress.share:
        return Step(State.CANARY, settings.ramp[0], "a person began the trial")
    wider = next((share for share in settings.ramp if share > progress.share + _EQUAL), None)
    if calm and wider is not None and progress.treated >= settings.step_calls:
        return Step(State.CANARY, wider, "no sign of harm so far")
    return _given_up(progress, facts, settings)


def _given_up(progress: Progress, facts: Facts, settings: RolloutSettings) -> Step | None:
    """End what nobody's calls take part in, also since Runtimes do not allow the fix."""
    days = (facts.now_us - progress.entered_us) / _DAY_US
    if days < settings.patience_days:
        return None
    return Step(State.INCONCLUSIVE, 0.0, f"only {progress.calls} calls in {days:.0f} days")


def _active(progress: Progress, facts: Facts, settings: RolloutSettings) -> Step | None:
    usual = 1.0 - settings.holdback
    doubted = progress.share < usual - _EQUAL
    harmed = _harmed(progress, settings.harm if doubted else settings.alarm)
    if harmed is not None:
        return Step(State.ROLLED_BACK, 0.0, harmed)
    if progress.fall is not None and progress.fall.gone:
        return Step(State.DORMANT, 0.0, "calls that were held back no longer fail")
    if doubted:
        if progress.risk.interval().low > settings.least_relief:
            reason = "treated calls fail nearly as often as the others: it no longer cures"
            return Step(State.ROLLED_BACK, 0.0, reason)
        needed = progress.benefit[TARGET].failures[0] > 0
        if needed and progress.benefit[ANY].reaches(settings.harm):
            return Step(State.ACTIVE, usual, "treated calls still fail less")
        if progress.calls >= settings.doubt_calls:
            return Step(State.ACTIVE, usual, "the doubt was not confirmed")
        return None
    if progress.rise is not None and progress.rise.reaches(settings.alarm):
        reason = (
            "treated calls have begun to fail; half are held back to see whether the fix does it"
        )
        return Step(State.ACTIVE, settings.doubt_share, reason)
    if progress.ease is not None and progress.ease.reaches(settings.ease):
        reason = (
            "calls that were held back have begun to succeed; half are held back to see whether "
            "the fix is still needed"
        )
        return Step(State.ACTIVE, settings.doubt_share, reason)
    return None


def _dormant(progress: Progress, facts: Facts, settings: RolloutSettings) -> Step | None:
    if progress.rise is not None and progress.rise.reaches(settings.relapse):
        if facts.obstacle is not None:
            return None
        return Step(State.ACTIVE, 1.0 - settings.holdback, "the failure is back")
    quiet_days = (facts.now_us - progress.quiet_since_us) / _DAY_US
    if quiet_days >= settings.quiet_days:
        return Step(State.RETIRED, 0.0, f"the failure has not been seen for {quiet_days:.0f} days")
    return None


_RULES = {
    State.CANDIDATE.value: _candidate,
    State.SHADOW.value: _shadow,
    State.RESCUE.value: _rescue,
    State.CANARY.value: _canary,
    State.ACTIVE.value: _active,
    State.DORMANT.value: _dormant,
}

_WITHDRAWN = {
    State.SHADOW.value: State.REJECTED,
    State.RESCUE.value: State.REJECTED,
    State.CANARY.value: State.ROLLED_BACK,
    State.ACTIVE.value: State.ROLLED_BACK,
    State.DORMANT.value: State.ROLLED_BACK,
}
"""Where a pattern goes that Runtimes do not take, by its stage."""

_HARMS = {
    TARGET: "treated calls have this failure more often",
    ANY: "treated calls fail more often",
    SLOW: "treated calls fail or are slow more often",
    TOKENS: "treated calls fail or take many tokens more often",
    COST: "treated calls fail or cost much more often",
    RATED: "replies to treated calls are called bad more often",
}


def _harmed(progress: Progress, evidence: float) -> str | None:
    for name, test in progress.harm.items():
        if test.reaches(evidence):
            return _HARMS[name]
    return _breaks_something_else(progress, evidence)


def _breaks_something_else(progress: Progress, evidence: float) -> str | None:
    """Say which failure comes from the fix alone.

    A cured call goes on to whatever may befall it then, which a refused one never gets to. So
    nothing is blamed on a fix while treated calls fail less on the whole, or all others fail.
    """
    if progress.deterministic or progress.benefit[ANY].reaches(evidence):
        return None
    found = progress.others.blamed(evidence)
    if found is None:
        return None
    signature, calls = found
    return f"{calls} treated {progress.unit}s failed in a way that no other one did ({signature})"
