"""What people say of replies decides trials, and ends those that make them unhappy."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from arc_core.model.feedback import FAILURE
from arc_core.registry.lifecycle import State
from arc_core.rollout.outcomes import Outcome
from arc_core.rollout.progress import ANY, COST, RATED, SLOW, TARGET, Progress
from core.rollout.world import PROJECT, Provider, World


def test_a_fix_for_what_people_dislike_is_proven_by_what_they_say(
    world: Callable[..., World],
) -> None:
    """Few calls are judged, and none of them fails in any other way."""
    made = world()
    made.learned(failed=12, matching=60, kind=FAILURE)
    provider = Provider(
        target=lambda treated: 0.0,
        rated=0.3,
        disliked=lambda treated: 0.05 if treated else 0.6,
    )
    made.run_until(provider, State.ACTIVE, at_most=8000)
    assert made.path() == ["shadow", "canary", "active"]
    evidence = [e for e in made.registry.history(PROJECT, "fix") if e.evidence.get("treated")]
    judged = evidence[-1].evidence
    assert judged["control"]["failed"] > judged["treated"]["failed"]
    assert judged["control"]["calls"] + judged["treated"]["calls"] < judged["calls"]


def test_a_fix_that_people_dislike_is_withdrawn(world: Callable[..., World]) -> None:
    """It cures the error that it was made for; the replies that come instead are bad."""
    made = world()
    made.learned(failed=12, matching=24)
    provider = Provider(
        target=lambda treated: 0.1 if treated else 0.5,
        rated=0.5,
        disliked=lambda treated: 0.9 if treated else 0.1,
    )
    made.run_until(provider, State.ROLLED_BACK, at_most=8000)
    last = made.registry.history(PROJECT, "fix")[-1]
    assert last.reason == "replies to treated calls are called bad more often"


def judged(number: int, *, treated: bool, bad: bool, rated: bool) -> Outcome:
    return Outcome(
        cursor=f"{number}-x",
        received_us=number,
        started_us=number,
        treated=treated,
        probability=0.5,
        failed=bad,
        signature="s" if bad else "",
        transient=False,
        duration_ms=0.0 if rated else 100.0,
        tokens=0 if rated else 10,
        cost=0.0,
        rated=rated,
    )


@pytest.mark.parametrize("kind", [FAILURE, "truncated"])
def test_no_test_counts_a_call_twice(kind: str) -> None:
    """Its coin was tossed once: what is said of a call later is evidence for other tests."""
    progress = Progress.of_evidence({"signature": "s", "matching": 24, "failed": 12, "kind": kind})
    progress.enter(State.CANARY, 0.5, 0)
    for number in range(1, 31):
        treated = number % 2 == 0
        progress.observe(judged(2 * number, treated=treated, bad=False, rated=False))
        progress.observe(judged(2 * number + 1, treated=treated, bad=treated, rated=True))
    assert (progress.calls, progress.treated) == (30, 15)
    for tests in (progress.benefit, progress.harm):
        assert all(sum(test.calls) == 30 for test in tests.values())
    assert progress.harm[RATED].failures == [0, 15]
    assert progress.harm[TARGET].failures == ([0, 15] if kind == FAILURE else [0, 0])
    assert progress.harm[ANY].failures == [0, 0]
    for name in (SLOW, COST):
        assert progress.harm[name].failures == [0, 0]
    assert progress.harm[RATED].log_evidence > math.log(20)


def test_a_failure_that_people_see_is_never_sure() -> None:
    """Of ten complaints ten are complaints: that says nothing of those who were content."""
    evidence = {"signature": "s", "matching": 12, "failed": 12, "kind": FAILURE}
    assert not Progress.of_evidence(evidence).deterministic


def test_what_is_said_during_a_run_belongs_to_it() -> None:
    """A run counts once, with everything that it has shown."""
    progress = Progress.of_evidence({"signature": "s", "unit": "run", "matching": 9, "failed": 3})
    progress.enter(State.CANARY, 0.5, 0)
    calls = [
        judged(1, treated=True, bad=False, rated=False),
        judged(2, treated=True, bad=True, rated=True),
        judged(3, treated=True, bad=False, rated=True),
    ]
    for each in calls:
        progress.observe(Outcome(**{n: getattr(each, n) for n in each.__slots__} | {"unit": "u"}))
    assert progress.settle(10**12)
    assert (progress.calls, progress.harm[ANY].failures) == (1, [0, 1])
    assert progress.harm[TARGET].failures == [0, 1]
    assert sum(progress.harm[RATED].calls) == 0
