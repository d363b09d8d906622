"""Which trials to give up, as another condition foretells the failure far better."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from arc_core.learning import Example, Trial, trial
from arc_core.learning.gain import Gain
from arc_core.registry.lifecycle import State
from arc_core.registry.records import PatternRecord
from arc_core.rollout.room import LEARNER

GIVEN_UP = {
    State.CANDIDATE: State.REJECTED,
    State.SHADOW: State.INCONCLUSIVE,
    State.RESCUE: State.INCONCLUSIVE,
    State.CANARY: State.INCONCLUSIVE,
}
"""What becomes of a trial that is given up, by its state."""
_FAR_BETTER_BITS = 10.0
_FAR_OFTENER = 2.0


def trials(known: Iterable[PatternRecord], signature: str) -> list[PatternRecord]:
    """Return the patterns on trial that were learned from a failure."""
    return [
        each
        for each in known
        if each.author == LEARNER
        and each.state in GIVEN_UP
        and each.evidence.get("signature") == signature
    ]


def outdone(
    on_trial: Iterable[PatternRecord],
    best: Mapping[str, Any],
    failing: Sequence[Example],
    healthy: Sequence[Example],
) -> list[PatternRecord]:
    """Return the trials whose conditions foretell these calls far worse than the best one does.

    Of the calls that they match, less than half as many fail. One that matches fewer calls, which
    fail as often, is not worse.
    """
    rate, saved = _foretold(trial(dict(best), failing, healthy))
    found = []
    for each in on_trial:
        own_rate, own_saved = _foretold(trial(dict(each.document), failing, healthy))
        if rate >= _FAR_OFTENER * own_rate and saved >= own_saved + _FAR_BETTER_BITS:
            found.append(each)
    return found


def _foretold(tried: Trial) -> tuple[float, float]:
    """Return which share of the matched calls failed, and the bits that the condition saves."""
    matched = tried.matched_failing + tried.matched_healthy
    gain = Gain(tried.failing, tried.failing + tried.healthy).of(tried.matched_failing, matched)
    return tried.matched_failing / max(1, matched), gain
