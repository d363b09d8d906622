"""What a trial waits for, in words, and how many more calls that probably takes."""

from __future__ import annotations

import math
from typing import NamedTuple

from arc_core.registry.lifecycle import State
from arc_core.rollout.evidence.assignment import AssignmentTest
from arc_core.rollout.evidence.holdback import ALARM, HoldbackTest
from arc_core.rollout.progress import TARGET, Progress
from arc_core.rollout.settings import RolloutSettings
from arc_protocol.patterns.allocation import RUN

_DAY_US = 86_400_000_000
_EQUAL = 1e-6


class Waiting(NamedTuple):
    """What has to happen before a trial takes its next step."""

    sentence: str
    """For people; without a full stop."""
    calls: int | None = None
    """Matching calls, or runs where those are the units, that it probably takes if things go on as
    they do; None: not known."""


def waits_for(progress: Progress, settings: RolloutSettings, now_us: int) -> Waiting:
    """Say what a trial waits for."""
    if progress.proposed is not None:
        return Waiting(f"waits for a person's yes before it becomes {progress.proposed['to']}")
    rule = _RULES.get(progress.stage)
    if rule is None:
        return Waiting("waits for nothing")
    waiting = rule(progress, settings)
    sentence = waiting.sentence
    if progress.unit == RUN:
        sentence = sentence.replace("matching call", "matching run")
    if waiting.calls:
        sentence += _pace(progress, waiting.calls, now_us)
    return waiting._replace(sentence=sentence)


def calls_until(test: AssignmentTest, evidence: float, probability: float) -> int | None:
    """Return how many more calls bring a test to an evidence, if arms go on to fail as they do.

    None if they do not differ in the direction that it looks for. The evidence grows by the mutual
    information of arm and outcome per call, which is what a bettor gains who knows both rates.
    """
    missing = math.log(evidence) - test.log_evidence
    if missing <= 0.0:
        return 0
    # half a failure in one call more: nothing is sure after a few calls
    control, treated = (
        (failed + 0.5) / (seen + 1.0) for failed, seen in zip(test.failures, test.calls)
    )
    if treated >= control:
        return None
    mixed = probability * treated + (1.0 - probability) * control
    gain = (
        _entropy(mixed) - probability * _entropy(treated) - (1.0 - probability) * _entropy(control)
    )
    return math.ceil(missing / gain) if gain > 0.0 else None


def _candidate(progress: Progress, settings: RolloutSettings) -> Waiting:
    return Waiting("begins as soon as Core looks at it")


def _shadow(progress: Progress, settings: RolloutSettings) -> Waiting:
    if not progress.deterministic and progress.calls < settings.shadow_calls:
        more = settings.shadow_calls - progress.calls
        return Waiting(f"needs {_calls(more)} in shadow before it may change one", more)
    if progress.obstacle is not None:
        return Waiting(f"is ready for its canary, and has to wait: {progress.obstacle}")
    return Waiting("begins its canary as soon as Core looks at it")


def _rescue(progress: Progress, settings: RolloutSettings) -> Waiting:
    rescue = progress.rescue
    if rescue is None or not progress.share:
        return Waiting("begins as soon as Core looks at it")
    if not progress.calls:
        return Waiting("needs calls that have failed, to try the fix on them")
    return Waiting(
        f"is tried on calls that have failed, until it is clear if it cures them; so far {rescue}"
    )


def _canary(progress: Progress, settings: RolloutSettings) -> Waiting:
    if progress.coin.reaches(settings.coin):
        return Waiting("decides nothing: of one arm calls are missing, so arms cannot be compared")
    if not progress.share:
        return Waiting("begins as soon as Core looks at it")
    if any(test.reaches(settings.worry) for test in progress.harm.values()):
        return Waiting("treated calls look worse so far; goes on with this share until that clears")
    wider = next((share for share in settings.ramp if share > progress.share + _EQUAL), None)
    if wider is not None and not progress.deterministic:
        more = math.ceil(max(0, settings.step_calls - progress.treated) / progress.share)
        return Waiting(
            f"needs about {_calls(more)} before {100 * wider:.0f} % of them get the fix", more
        )
    return _proof(progress, settings)


def _proof(progress: Progress, settings: RolloutSettings) -> Waiting:
    """Say what is missing at the share with which a pattern is promoted."""
    left = max(0, settings.canary_calls - progress.calls)
    end = f"without proof it ends after {_calls(left)}"
    if min(progress.benefit[TARGET].calls) == 0:
        return Waiting(f"needs calls of both arms; {end}")
    estimates = [
        calls_until(test, progress.needed, progress.share) for test in progress.benefit.values()
    ]
    treated = settings.least_treated if progress.deterministic else settings.step_calls
    estimates.append(math.ceil(max(0, treated - progress.treated) / progress.share))
    known = [each for each in estimates if each is not None]
    if len(known) < len(estimates):
        return Waiting(f"treated calls fail no less so far; {end}")
    more = max(known)
    if more > left:
        return Waiting(f"treated calls fail hardly less so far; {end}")
    return Waiting(f"needs about {_calls(more)} until the fix is proven", more)


def _active(progress: Progress, settings: RolloutSettings) -> Waiting:
    usual = 1.0 - settings.holdback
    if progress.share < usual - _EQUAL:
        more = max(0, settings.doubt_calls - progress.calls)
        return Waiting(
            "is in force and in doubt: half are held back to see what the fix still does; clear "
            f"after at most {_calls(more)}",
            more,
        )
    held_back = 1.0 - progress.share
    if progress.fall is None or held_back <= 0.0:
        return Waiting("is in force")
    more = _until_gone(progress.fall)
    sentence = f"is in force; rests once {_calls(more)} that are held back do not fail"
    return Waiting(sentence, math.ceil(more / held_back))


def _dormant(progress: Progress, settings: RolloutSettings) -> Waiting:
    return Waiting(
        "rests, as its failure is gone; back in force at once if that returns, retired after "
        f"{settings.quiet_days:.0f} quiet days"
    )


_RULES = {
    State.CANDIDATE.value: _candidate,
    State.SHADOW.value: _shadow,
    State.RESCUE.value: _rescue,
    State.CANARY.value: _canary,
    State.ACTIVE.value: _active,
    State.DORMANT.value: _dormant,
}


def _until_gone(test: HoldbackTest) -> int:
    """Return how many held-back calls without the failure show that it is gone."""
    per_call = math.log((1 - test.threshold / 10) / (1 - test.threshold))
    return max(1, math.ceil((math.log(ALARM) - max(test.log_evidence, 0.0)) / per_call))


def _pace(progress: Progress, calls: int, now_us: int) -> str:
    """Return how long so many calls take at the rate of this stage; empty: it says nothing yet."""
    passed_s = (now_us - progress.entered_us) / 1e6
    if progress.calls < 2 or passed_s <= 0.0:
        return ""
    seconds = calls * passed_s / progress.calls
    for unit, length in (("days", 86_400), ("hours", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f" (about {seconds / length:.0f} {unit} at this rate)"
    return f" (about {max(1, math.ceil(seconds))} s at this rate)"


def _calls(number: int) -> str:
    return f"{number:,} more matching call{'' if number == 1 else 's'}"


def _entropy(probability: float) -> float:
    """Return the entropy of a coin, in nats."""
    if not 0.0 < probability < 1.0:
        return 0.0
    return -probability * math.log(probability) - (1 - probability) * math.log(1 - probability)
