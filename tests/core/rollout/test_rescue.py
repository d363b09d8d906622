"""Trials on calls that have already failed: few of them decide, and no other call is touched.

Figures to compare with: 4,000 runs of each case with the published method.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta

import pytest

from arc_core.registry.lifecycle import State
from arc_core.registry.runtimes import Verdict
from arc_core.rollout.approval import approve
from arc_core.rollout.outcomes import Outcome
from arc_core.rollout.rescue import Rescue
from arc_protocol.cures.kinds import INVALID_REQUEST, RATE_LIMITED
from core.rollout.world import PROJECT, Provider, World

Make = Callable[..., World]
ENDS = (State.CANARY, State.REJECTED, State.INCONCLUSIVE)
REFUSED = Provider(target=lambda treated: float(not treated))
"""A provider that refuses every call without the fix, and none with it."""


def retried(treated: bool, failed: bool) -> Outcome:
    return Outcome(
        cursor="c",
        received_us=0,
        started_us=0,
        treated=treated,
        probability=0.5,
        failed=True,
        signature="s",
        transient=False,
        duration_ms=1.0,
        tokens=0,
        cost=0.0,
        stage="rescue",
        raised=failed,
    )


def failures_until(
    evidence: float, *, plain: float, fixed: float, seed: int, limit: int
) -> int | None:
    """Run one rescue; return after how many failed calls it was decided, None for never."""
    draw = random.Random(seed).random
    rescue = Rescue.begin(0)
    for number in range(1, limit + 1):
        treated = draw() < 0.5
        assert rescue.observe(retried(treated, draw() < (fixed if treated else plain)))
        if rescue.test.reaches(evidence):
            return number
    return None


def test_nine_failures_decide_about_a_fix_that_always_helps() -> None:
    """At an error of 1 %: no sequence of coins needs more or less."""
    found = {failures_until(100, plain=1.0, fixed=0.0, seed=seed, limit=100) for seed in range(100)}
    assert found == {9}


@pytest.mark.parametrize(
    ("plain", "fixed", "mean"), [(1.0, 0.05, 9.8), (0.9, 0.2, 21.2), (0.5, 0.1, 71)]
)
def test_it_takes_as_many_failures_as_published(plain: float, fixed: float, mean: float) -> None:
    """The last one took 55, to who knew beforehand how often a plain retry helps."""
    runs = [
        failures_until(100, plain=plain, fixed=fixed, seed=seed, limit=2000) for seed in range(400)
    ]
    assert all(runs)
    assert sum(filter(None, runs)) / len(runs) == pytest.approx(mean, rel=0.15)


@pytest.mark.parametrize("rate", [0.3, 0.9, 1.0])
def test_a_fix_that_does_nothing_is_seldom_believed(rate: float) -> None:
    """However often a plain retry fails: at most one in a hundred, looked at after each call."""
    runs = 400
    wrong = sum(
        failures_until(100, plain=rate, fixed=rate, seed=seed, limit=200) is not None
        for seed in range(runs)
    )
    assert wrong / runs <= 0.01 + 3 * (0.01 * 0.99 / runs) ** 0.5


@pytest.fixture
def rescued(world: Make) -> Make:
    """A world with a Runtime that heals, and a pattern for what it could heal."""

    def make(*, failed: int = 12, matching: int = 12, **what: object) -> World:
        made = world(**what)
        made.runtime(heals=True)
        made.learned(failed=failed, matching=matching, kind=INVALID_REQUEST)
        return made

    return make


def last(world: World) -> str:
    return world.registry.history(PROJECT, "fix")[-1].reason


def test_a_failure_is_rescued_before_others_are_fixed(rescued: Make) -> None:
    """Nine failed calls lead to the canary, then as ever; each step has its numbers."""
    for seed in range(5):
        each = rescued(seed=seed)
        assert (each.state(), each.share()) == (State.RESCUE, 0.5)
        assert each.run_until(REFUSED, *ENDS, at_most=20, batch=1) == 9
        assert (each.state(), each.share()) == (State.CANARY, 0.5)
        evidence = each.registry.history(PROJECT, "fix")[-1].evidence
        treated, control = evidence["treated"]["calls"], evidence["control"]["calls"]
        assert treated + control == 9
        assert last(each) == (
            f"the fix cured {treated} of {treated} calls, a plain retry 0 of {control}"
        )
        assert evidence["log_evidence_of_benefit"]["rescued"] > 4.6
        assert evidence["evidence_needed"] == 100
        each.run_until(REFUSED, State.ACTIVE, at_most=30, batch=1)
        assert each.path() == ["shadow", "rescue", "canary", "active"]


def test_a_fix_that_cures_nothing_is_rejected_after_fifty_failures(rescued: Make) -> None:
    for seed in range(5):
        each = rescued(seed=seed)
        assert (
            each.run_until(Provider(target=lambda treated: 1.0), *ENDS, at_most=60, batch=1) == 50
        )
        assert each.state() is State.REJECTED
        assert "the fix cured 0 of" in last(each)


def test_a_plain_retry_that_helps_as_well_speaks_against_the_fix(rescued: Make) -> None:
    """A failure that goes away by itself is not cured by anything."""
    each = rescued()
    moody = Provider(target=lambda treated: 1.0, again=lambda treated: 0.3)
    each.run_until(moody, *ENDS, at_most=200, batch=1)
    assert each.state() is State.REJECTED


@pytest.mark.parametrize(
    ("heals", "kind"), [(False, INVALID_REQUEST), (True, RATE_LIMITED), (True, "truncated")]
)
def test_it_is_skipped_where_it_cannot_be_done(world: Make, heals: bool, kind: str) -> None:
    """Nobody heals, or the failure is none that a call has at once: straight to the canary."""
    each = world()
    each.runtime(heals=heals)
    each.learned(kind=kind)
    assert each.path() == ["shadow", "canary"]


def test_a_runtime_that_was_not_heard_of_for_long_cannot_rescue(world: Make) -> None:
    each = world()
    each.runtime(heals=True)
    each.now += timedelta(minutes=10)
    each.learned(kind=INVALID_REQUEST)
    assert each.state() is State.CANARY


def test_it_does_not_wait_for_runtimes_that_have_gone(rescued: Make) -> None:
    each = rescued()
    each.call(REFUSED)
    each.runtime(connected=False)
    each.now += timedelta(seconds=2)
    each.controller.run(PROJECT)
    assert each.state() is State.CANARY
    assert "no Runtime is connected" in last(each)


def test_it_does_not_wait_where_others_than_those_that_fail_could(rescued: Make) -> None:
    """One Runtime heals, and the failing calls are those of another one."""
    each = rescued(pace=timedelta(seconds=0.1))
    calls = each.run_until(REFUSED, *ENDS, at_most=100, batch=1, heals=False)
    assert 30 <= calls <= 32  # 3 s
    assert each.state() is State.CANARY
    assert "no Runtime tried the fix" in last(each)


def test_it_does_not_wait_for_calls_that_do_not_come(rescued: Make) -> None:
    each = rescued()
    each.call(REFUSED)
    waited_s = 0
    while each.state() is State.RESCUE:
        each.now += timedelta(seconds=1)
        waited_s += 1
        each.runtime(heals=True)
        each.controller.run(PROJECT, set())
    assert each.state() is State.CANARY
    assert waited_s == 60


def test_a_failure_that_has_gone_ends_it(rescued: Make) -> None:
    each = rescued()
    each.run_until(Provider(target=lambda treated: 0.0), *ENDS, at_most=40, batch=1)
    assert each.state() is State.INCONCLUSIVE


def test_rare_failures_need_no_more_of_them(rescued: Make) -> None:
    """A tenth of the matching calls fails; the others are left alone, and count for nothing."""
    rare = Provider(target=lambda treated: 0.1 * (not treated), again=lambda treated: 1.0 - treated)
    each = rescued(failed=10, matching=100)
    each.run_until(rare, State.RESCUE, at_most=30, batch=1)
    each.run_until(rare, *ENDS, at_most=400, batch=1)
    assert (each.state(), each.share()) == (State.CANARY, pytest.approx(0.05))
    evidence = each.registry.history(PROJECT, "fix")[-1].evidence
    assert evidence["treated"]["calls"] + evidence["control"]["calls"] == 9


def test_what_is_late_from_the_rescue_does_not_count_in_the_canary(rescued: Make) -> None:
    """A rescued call has failed at first, with the fix or without: no fault of the fix."""
    each = rescued()
    each.calls_of(REFUSED, 40)
    late = each.calls.rows[9:]
    del each.calls.rows[9:]
    each.controller.run(PROJECT)
    assert each.state() is State.CANARY
    each.calls.rows += late
    each.controller.run(PROJECT)
    assert each.state() is State.CANARY
    each.run_until(REFUSED, State.ACTIVE, at_most=30, batch=1)


def test_it_goes_on_after_a_restart(rescued: Make) -> None:
    """Nothing is lost, and nothing counts twice."""
    each = rescued()
    for _ in range(9):
        assert each.state() is State.RESCUE
        each.call(REFUSED)
        each.restart()
        each.controller.run(PROJECT)
    assert each.state() is State.CANARY


def test_two_trials_never_toss_their_coins_for_the_same_calls(rescued: Make) -> None:
    each = rescued()
    each.calls.requests = ['{"model": "fix", "temperature": 1}']
    each.registry.add_pattern(
        PROJECT,
        {"name": "other", "pattern": {"temperature": {"exists": True}}, "fix": {"top_p": None}},
        author="learner",
        state=State.CANDIDATE,
        evidence={"signature": "s", "failed": 12, "matching": 12, "kind": INVALID_REQUEST},
    )
    each.controller.run(PROJECT)
    assert (each.state(), each.state("other")) == (State.RESCUE, State.SHADOW)


def test_a_rescue_ends_by_itself_unless_core_renews_it(rescued: Make) -> None:
    each = rescued()

    def lease() -> int:
        allocation = each.registry.pattern(PROJECT, "fix").allocation
        assert allocation is not None
        return int(allocation["valid_until_ms"])

    first = lease()
    for _ in range(9):
        each.now += timedelta(seconds=55)
        each.runtime(heals=True)
        each.call(Provider(target=lambda treated: 1.0, again=lambda treated: 0.5))
        each.controller.run(PROJECT)
    assert each.state() is State.RESCUE
    assert lease() > first


def test_a_person_is_asked_before_calls_are_sent_again(rescued: Make) -> None:
    """With manual approval nothing is changed unasked, not even what has failed."""
    each = rescued(manual=True)
    assert each.state() is State.SHADOW
    approve(each.registry, PROJECT, "fix", author="ada", reason="")
    each.controller.run(PROJECT)
    assert (each.state(), each.share()) == (State.RESCUE, 0.5)
    each.calls_of(REFUSED, 9)
    each.controller.run(PROJECT)
    assert each.state() is State.RESCUE
    approve(each.registry, PROJECT, "fix", author="ada", reason="")
    assert each.state() is State.CANARY


def test_a_person_can_begin_one(world: Make) -> None:
    each = world()
    document = {"name": "fix", "pattern": {"model": "fix"}, "fix": {"temperature": None}}
    each.registry.add_pattern(PROJECT, document, author="ada", state=State.SHADOW)
    each.runtime(heals=True)
    each.controller.run(PROJECT)
    assert each.state() is State.SHADOW
    each.registry.transition(PROJECT, "fix", State.RESCUE, author="ada", reason="try it")
    each.controller.run(PROJECT)
    assert (each.state(), each.share()) == (State.RESCUE, 0.5)
    unnamed = Provider(target=lambda treated: float(not treated))
    each.run_until(unnamed, *ENDS, at_most=20, batch=1)
    assert each.state() is State.CANARY


FORBIDDEN = Verdict(1, "d", "refused", "the policy does not let it")
BROKEN = Verdict(1, "d", "refused", "unknown operator")
DISABLED = Verdict(1, "d", "disabled", "it raised KeyError")
OLDER = Verdict(0, "d", "disabled", "it raised KeyError")


@pytest.mark.parametrize(
    ("verdict", "policy", "bad", "of", "ends"),
    [
        (DISABLED, "safe", 2, 199, True),
        (DISABLED, "safe", 1, 199, False),
        (DISABLED, "safe", 1, 1, True),
        (BROKEN, "safe", 2, 199, True),
        (FORBIDDEN, "none", 100, 100, False),
        (FORBIDDEN, '{"*":"safe","temperature":"none"}', 100, 100, False),
        (FORBIDDEN, '{"*":"safe","top_p":"none"}', 100, 100, True),
        (BROKEN, "of a later version", 2, 199, True),
        (OLDER, "safe", 2, 2, False),
    ],
)
def test_a_pattern_that_runtimes_do_not_take_is_withdrawn(
    world: Make, verdict: Verdict, policy: str, bad: int, of: int, ends: bool
) -> None:
    """More than one in a hundred: but for those whose own policy forbids it."""
    each = world()
    each.learned()
    for number in range(of):
        verdicts = {"fix": verdict} if number < bad else {}
        each.runtime(f"r{number}", policy=policy, verdicts=verdicts)
    each.now += timedelta(seconds=2)
    each.controller.run(PROJECT)
    assert each.state() is (State.ROLLED_BACK if ends else State.CANARY)
    if ends:
        assert last(each) == f"{bad} of {of} Runtimes do not take it: {verdict.reason}"


def test_what_a_person_put_in_force_stays_so_whatever_runtimes_say(world: Make) -> None:
    each = world()
    document = {"name": "fix", "pattern": {"model": "fix"}, "fix": {"temperature": None}}
    each.registry.add_pattern(PROJECT, document, author="ada", state=State.ACTIVE)
    each.runtime(verdicts={"fix": DISABLED})
    each.controller.run(PROJECT)
    assert each.state() is State.ACTIVE


@pytest.mark.parametrize(("verdict", "ends"), [(BROKEN, False), (DISABLED, True)])
def test_runtimes_that_know_no_runs_say_nothing_about_a_trial_of_runs(
    world: Make, verdict: Verdict, ends: bool
) -> None:
    """Older ones refuse it for the unit that they do not know; those that know it may stumble."""
    each = world()
    each.registry.add_pattern(
        PROJECT,
        {"name": "fix", "pattern": {"model": "fix"}, "fix": {"temperature": None}},
        author="learner",
        state=State.CANDIDATE,
        evidence={"signature": "s", "unit": "run", "failed": 12, "matching": 12},
    )
    each.controller.run(PROJECT)
    assert each.state() is State.CANARY
    each.runtime(verdicts={"fix": verdict})
    each.now += timedelta(seconds=2)
    each.controller.run(PROJECT)
    assert each.state() is (State.ROLLED_BACK if ends else State.CANARY)
