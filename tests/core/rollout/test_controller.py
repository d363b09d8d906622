"""Trials in simulated worlds: what helps is promoted, what harms is withdrawn."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from arc_core.registry.errors import IllegalMoveError
from arc_core.registry.lifecycle import State
from arc_core.rollout.approval import approve
from arc_core.rollout.settings import RolloutSettings
from core.rollout.world import PROJECT, Provider, World

Make = Callable[..., World]
ENDS = (State.ACTIVE, State.ROLLED_BACK, State.INCONCLUSIVE)


def cured(before: float, after: float = 0.0) -> Provider:
    return Provider(target=lambda treated: after if treated else before)


def test_a_sure_failure_is_decided_in_a_handful_of_calls(world: Make) -> None:
    """Half of the calls are treated from the first one; no more than 30 are needed."""
    for seed in range(5):
        each = world(seed=seed)
        each.learned()
        assert (each.state(), each.share()) == (State.CANARY, 0.5)
        assert each.run_until(cured(1.0), *ENDS, at_most=30, batch=1) <= 30
        assert each.state() is State.ACTIVE
        assert each.share() == pytest.approx(0.98)
        assert each.path() == ["shadow", "canary", "active"]


def test_each_step_is_in_the_history_with_its_evidence(world: Make) -> None:
    each = world()
    each.learned()
    each.run_until(cured(1.0), State.ACTIVE, at_most=60, batch=1)
    step = each.registry.history(PROJECT, "fix")[-1]
    assert step.reason == "treated calls fail less"
    evidence = step.evidence
    assert evidence["treated"]["failed"] == 0
    assert evidence["control"]["failed"] == evidence["control"]["calls"] > 0
    assert evidence["log_evidence_of_benefit"]["target"] > 3


@pytest.mark.parametrize(
    ("rate", "steps"), [(0.04, [0.01, 0.05, 0.25]), (0.4, [0.25]), (0.8, [])], ids=str
)
def test_a_failure_by_chance_is_cured_step_by_step(
    world: Make, rate: float, steps: list[float]
) -> None:
    """1, 5, 25 and 50 % of the calls get the fix; never more at first than fail anyway."""
    each = world(seed=2)
    each.learned(failed=30, matching=100)
    assert each.state() is State.SHADOW
    each.run_until(cured(rate, rate / 6), *ENDS, at_most=9000, batch=50)
    assert each.path() == ["shadow", "canary", "active"]
    shares = [
        event.evidence["share"]
        for event in each.registry.history(PROJECT, "fix")
        if event.to_state is State.CANARY and event.reason == "no sign of harm so far"
    ]
    assert shares == steps


def test_what_cures_little_is_given_up_soon(world: Make) -> None:
    """The next idea must not wait for it for thousands of calls."""
    for seed in range(5):
        each = world(seed=seed)
        each.learned(failed=30, matching=100)
        each.run_until(cured(0.3, 0.28), *ENDS, at_most=2000, batch=20)
        assert each.state() is State.INCONCLUSIVE


def test_a_pattern_that_matches_healthy_calls_after_all_is_given_up(world: Make) -> None:
    """All ten recorded calls failed, but most do not: the fix would change many for nothing."""
    ends = []
    for seed in range(8):
        each = world(seed=seed)
        each.learned(failed=10, matching=10)
        each.run_until(cured(0.2), *ENDS, at_most=200, batch=5)
        ends.append(each.state())
    # five treated calls in a row that go well can be enough to be wrong
    assert ends.count(State.INCONCLUSIVE) >= 7


def test_calls_in_shadow_show_that_a_failure_is_sure(world: Make) -> None:
    """Six recorded calls are too few to say so; with four more that fail they are enough."""
    each = world()
    each.learned(failed=6, matching=6)
    each.calls_of(cured(1.0), 3)
    each.controller.run(PROJECT)
    assert each.state() is State.SHADOW
    each.call(cured(1.0))
    each.controller.run(PROJECT)
    assert (each.state(), each.share()) == (State.CANARY, pytest.approx(0.5))


def test_a_healthy_call_in_shadow_shows_that_it_is_not_sure(world: Make) -> None:
    """Then the shadow lasts until it is known how often calls fail; an overload says nothing."""
    each = world()
    each.learned(failed=6, matching=6)
    for provider in (Provider(target=lambda treated: 0.0, other=lambda treated: 1.0), cured(0.0)):
        each.call(provider)
    each.calls_of(cured(1.0), 10)
    each.controller.run(PROJECT)
    assert each.state() is State.SHADOW
    each.calls_of(cured(1.0), 8)
    each.controller.run(PROJECT)
    assert each.state() is State.CANARY


@pytest.mark.parametrize("rate", [1.0, 0.3])
def test_a_fix_that_cures_no_longer_is_withdrawn(world: Make, rate: float) -> None:
    """The provider has a new rule, for which there is room then."""
    for seed in range(5):
        each = world(seed=seed)
        each.learned(failed=round(20 * rate), matching=20)
        each.run_until(cured(rate), State.ACTIVE, at_most=3000)
        each.calls_of(cured(rate), 500)
        each.controller.run(PROJECT)
        each.run_until(cured(rate, rate), State.ROLLED_BACK, at_most=1500)


@pytest.mark.parametrize("rate", [0.3, 1.0])
def test_a_fix_that_does_nothing_is_never_promoted(world: Make, rate: float) -> None:
    """A sure failure shows it soon, so that the next fix gets its turn."""
    settings = RolloutSettings(ramp=(0.5,), canary_calls=400)
    for seed in range(5):
        each = world(seed=seed, settings=settings)
        each.learned(failed=round(100 * rate), matching=100)
        calls = each.run_until(cured(rate, rate), *ENDS, at_most=1000)
        assert each.state() is State.INCONCLUSIVE
        assert rate < 1 or calls <= 60


def test_a_fix_that_only_changes_the_error_is_not_promoted(world: Make) -> None:
    """The failure it is for is gone, and the calls fail all the same."""
    other = Provider(target=lambda treated: float(not treated), other=float)
    for seed in range(5):
        each = world(seed=seed, settings=RolloutSettings(canary_calls=400))
        each.learned()
        each.run_until(other, *ENDS, at_most=1000)
        assert each.state() in (State.INCONCLUSIVE, State.ROLLED_BACK)


def test_calls_that_are_let_through_may_fail_as_others_do(world: Make) -> None:
    """A cured call meets rate limits that a refused one never got to; the fix is not to blame."""
    crowded = Provider(target=lambda treated: float(not treated), other=lambda treated: 0.1)
    each = world()
    each.learned()
    each.run_until(crowded, *ENDS, at_most=200)
    assert each.state() is State.ACTIVE


def test_a_harmful_fix_is_rolled_back(world: Make) -> None:
    """Treated calls fail in another way; few of them are needed to see it."""
    harmful = Provider(target=lambda treated: 0.05, other=lambda treated: 0.8 * treated)
    each = world()
    each.learned(failed=5, matching=100)
    each.run_until(harmful, *ENDS, at_most=8000)
    assert each.state() is State.ROLLED_BACK
    assert each.registry.history(PROJECT, "fix")[-1].evidence["treated"]["calls"] <= 40
    with pytest.raises(IllegalMoveError):
        each.registry.transition(PROJECT, "fix", State.CANARY, author="learner", reason="again")


def test_a_fix_that_makes_calls_slow_is_rolled_back(world: Make) -> None:
    slow = Provider(
        target=lambda treated: 0.05 * (not treated),
        duration_ms=lambda treated: 900.0 if treated else 100.0,
    )
    each = world(settings=RolloutSettings(ramp=(0.5,)))
    each.learned(failed=5, matching=100)
    each.run_until(slow, *ENDS, at_most=1000)
    assert each.state() is State.ROLLED_BACK
    assert "slow" in each.registry.history(PROJECT, "fix")[-1].reason


@pytest.mark.parametrize(
    ("with_fix", "reason"),
    [
        # twice as many, which cost less, as the cache held them all
        pytest.param((2000, 5, 2000), "many tokens", id="tokens"),
        # as many, but the beginning of the prompt is no longer what the cache holds
        pytest.param((1000, 5, 0), "cost much", id="cost"),
    ],
)
def test_a_fix_that_makes_calls_dear_is_rolled_back(
    with_fix: tuple[int, int, int], reason: str, world: Make
) -> None:
    dear = Provider(
        target=lambda treated: 0.05 * (not treated),
        tokens=lambda treated: with_fix if treated else (1000, 5, 800),
    )
    each = world(settings=RolloutSettings(ramp=(0.5,)))
    each.learned(failed=5, matching=100)
    each.run_until(dear, *ENDS, at_most=1000)
    assert each.state() is State.ROLLED_BACK
    assert reason in each.registry.history(PROJECT, "fix")[-1].reason


def test_a_fix_that_is_no_longer_needed_rests_and_comes_back(world: Make) -> None:
    """The provider takes its rule back, and makes it again: dormant, then in force at once."""
    each = world(settings=RolloutSettings(holdback=0.2))
    each.learned()
    each.run_until(cured(1.0), State.ACTIVE, at_most=60)
    each.run_until(cured(0.0), State.DORMANT, at_most=4000, batch=100)
    assert each.registry.pattern_set(PROJECT).entries[0].document["allocation"]["stage"] == "shadow"
    each.calls_of(cured(0.0), 300)
    each.controller.run(PROJECT)
    assert each.state() is State.DORMANT
    assert each.run_until(cured(1.0), State.ACTIVE, at_most=10, batch=1) <= 3


def test_few_held_back_calls_that_succeed_are_reason_enough_to_look(world: Make) -> None:
    """With 2 % held back it would take 7,500 calls to be sure; with half of them, a tenth."""
    for seed in range(5):
        each = world(seed=seed)
        each.learned()
        each.run_until(cured(1.0), State.ACTIVE, at_most=60)
        assert each.run_until(cured(0.0), State.DORMANT, at_most=3000) <= 1500
        reasons = [event.reason for event in each.registry.history(PROJECT, "fix")]
        assert any("to see whether the fix is still needed" in reason for reason in reasons)


@pytest.mark.parametrize("rate", [0.3, 1.0])
def test_a_failure_that_stays_is_seldom_looked_for(world: Make, rate: float) -> None:
    """Held-back calls that succeed by chance do not cost others their fix."""
    each = world(settings=RolloutSettings(ramp=(0.5,)))
    each.learned(failed=round(100 * rate), matching=100)
    each.run_until(cured(rate), State.ACTIVE, at_most=1000)
    for _ in range(100):
        each.calls_of(cured(rate), 100)
        each.controller.run(PROJECT)
    shares = [event.to_state for event in each.registry.history(PROJECT, "fix")]
    assert shares[-1] is State.ACTIVE
    assert shares.count(State.ACTIVE) <= 3  # at most one doubt, there and back


def test_a_failure_that_has_become_rarer_is_still_prevented(world: Make) -> None:
    """From every call to a third of them: looked at once, and at half of the calls no more."""
    each = world()
    each.learned()
    each.run_until(cured(1.0), State.ACTIVE, at_most=60)
    for _ in range(200):
        each.calls_of(cured(0.3), 100)
        each.controller.run(PROJECT)
    assert (each.state(), each.share()) == (State.ACTIVE, pytest.approx(0.98))
    moves = [event.to_state for event in each.registry.history(PROJECT, "fix")]
    assert moves.count(State.ACTIVE) <= 5


def test_a_dormant_pattern_is_retired_after_a_long_quiet(world: Make) -> None:
    each = world(settings=RolloutSettings(holdback=0.2))
    each.learned()
    each.run_until(cured(1.0), State.ACTIVE, at_most=60)
    each.run_until(cured(0.0), State.DORMANT, at_most=4000, batch=100)
    each.now += timedelta(days=89)
    each.controller.run(PROJECT)
    assert each.state() is State.DORMANT
    each.now += timedelta(days=1)
    each.controller.run(PROJECT)
    assert each.state() is State.RETIRED


def test_a_dormant_pattern_comes_back_only_where_there_is_room(world: Make) -> None:
    """Another one has taken its place meanwhile."""
    each = world(settings=RolloutSettings(holdback=0.2, most_active=1))
    each.learned()
    each.run_until(cured(1.0), State.ACTIVE, at_most=60)
    each.run_until(cured(0.0), State.DORMANT, at_most=4000, batch=100)
    each.learned("other")
    assert each.state("other") is State.CANARY
    each.calls_of(cured(1.0), 200)
    each.controller.run(PROJECT)
    assert each.state() is State.DORMANT
    each.registry.transition(PROJECT, "other", State.ROLLED_BACK, author="ada", reason="r")
    each.controller.run(PROJECT)
    assert each.state() is State.ACTIVE


def test_a_fix_that_the_provider_comes_to_refuse_is_withdrawn(world: Make) -> None:
    """The value that it sets is no longer taken, while calls without it succeed."""
    each = world()
    each.learned()
    each.run_until(cured(1.0), State.ACTIVE, at_most=60)
    each.calls_of(cured(1.0), 500)
    refused = Provider(target=lambda treated: 0.0, other=float)
    calls = each.run_until(refused, State.ROLLED_BACK, at_most=200, batch=1)
    assert calls <= 40


def test_trouble_at_the_provider_does_not_withdraw_a_fix(world: Make) -> None:
    """All calls fail for a while; the fix is doubted, and stays."""
    each = world()
    each.learned()
    each.run_until(cured(1.0), State.ACTIVE, at_most=60)
    outage = Provider(target=lambda treated: 0.0, other=lambda treated: 1.0)
    for _ in range(30):
        each.call(outage)
        each.controller.run(PROJECT)
    assert (each.state(), each.share()) == (State.ACTIVE, 0.5)
    for _ in range(100):
        each.call(cured(1.0))
        each.controller.run(PROJECT)
    assert (each.state(), each.share()) == (State.ACTIVE, pytest.approx(0.98))


def test_a_restart_changes_nothing(world: Make) -> None:
    """The same calls lead to the same steps after the same calls, and none counts twice."""
    straight, interrupted = (world(settings=RolloutSettings(ramp=(0.5,))) for _ in range(2))
    for each in (straight, interrupted):
        each.learned(failed=30, matching=100)
    for number in range(120):
        for each in (straight, interrupted):
            each.call(cured(0.3))
            each.controller.run(PROJECT)
        if number % 20 == 0:
            interrupted.restart()
            interrupted.controller.run(PROJECT)
    assert straight.registry.progress(PROJECT, "fix") == interrupted.registry.progress(
        PROJECT, "fix"
    )
    assert straight.path() == interrupted.path()


def test_a_step_that_was_taken_but_not_noted_is_noted_later(world: Make) -> None:
    """Core ended in between: the registry's state counts, and the trial goes on from there."""
    each = world()
    each.learned()
    kept = each.registry.progress(PROJECT, "fix")
    assert kept is not None
    each.run_until(cured(1.0), State.ACTIVE, at_most=60, batch=1)
    each.registry.keep_progress(PROJECT, "fix", 1, kept)
    each.restart()
    each.controller.run(PROJECT)
    progress = each.registry.progress(PROJECT, "fix")
    assert progress is not None
    assert progress["stage"] == "active"
    assert each.path() == ["shadow", "canary", "active"]


def test_arms_that_are_not_reported_as_drawn_decide_nothing(world: Make) -> None:
    """Treated calls crash their programs: what arrives would look like a success."""
    each = world()
    each.learned()
    for _ in range(40):
        if each.state() is not State.CANARY:
            break
        each.calls_of(cured(1.0), 20)
        each.calls.rows[:] = [row for row in each.calls.rows if row["rollout_arm"] == "control"]
        each.controller.run(PROJECT)
    assert each.state() is State.INCONCLUSIVE
    assert "not reported" in each.registry.history(PROJECT, "fix")[-1].reason


def test_slow_calls_are_waited_for(world: Make) -> None:
    """Refusals are reported at once, treated calls when they end: nothing is decided until then."""
    each = world()
    each.learned()
    each.calls_of(cured(1.0), 40)
    made = each.calls.rows[:]
    each.calls.rows[:] = [row for row in made if row["rollout_arm"] == "control"]
    each.controller.run(PROJECT)
    assert each.state() is State.CANARY
    for row in made:
        if row["rollout_arm"] == "treated":
            row["received_at"] += 3600 * 1_000_000
            each.calls.rows.append(row)
    each.controller.run(PROJECT)
    assert each.state() is State.ACTIVE


def test_a_canary_is_renewed_before_it_ends_by_itself(world: Make) -> None:
    each = world()
    each.learned()
    document = each.registry.pattern(PROJECT, "fix").allocation
    assert document is not None
    assert document["valid_until_ms"] == int((each.now.timestamp() + 900) * 1000)
    each.now += timedelta(seconds=400)
    each.controller.run(PROJECT)
    assert each.registry.pattern(PROJECT, "fix").allocation == document
    each.now += timedelta(seconds=100)
    each.controller.run(PROJECT)
    renewed = each.registry.pattern(PROJECT, "fix").allocation
    assert renewed is not None
    assert renewed["valid_until_ms"] == int((each.now.timestamp() + 900) * 1000)
    assert renewed["treat"] == document["treat"]


@pytest.mark.parametrize(("failed", "state"), [(50, State.SHADOW), (100, State.CANARY)])
def test_a_trial_without_calls_makes_room_in_the_end(
    world: Make, failed: int, state: State
) -> None:
    """Nobody makes such calls any more, or no Runtime allows the fix."""
    each = world()
    each.learned(failed=failed, matching=100)
    each.now += timedelta(days=13)
    each.controller.run(PROJECT)
    assert each.state() is state
    each.now += timedelta(days=1)
    each.controller.run(PROJECT)
    assert each.state() is State.INCONCLUSIVE


def test_trials_of_the_same_calls_go_one_after_the_other(world: Make) -> None:
    """The second one waits in shadow until the first is over."""
    each = world()
    each.calls.requests = ['{"model": "m", "temperature": 1}']
    for name, condition in (("one", {"model": "m"}), ("two", {"temperature": 1})):
        each.registry.add_pattern(
            PROJECT,
            {"name": name, "pattern": condition, "fix": {"temperature": None}},
            author="learner",
            state=State.CANDIDATE,
            evidence={"signature": "s", "failed": 10, "matching": 10},
        )
    each.controller.run(PROJECT)
    assert (each.state("one"), each.state("two")) == (State.CANARY, State.SHADOW)
    each.registry.transition(PROJECT, "one", State.PAUSED, author="ada", reason="enough")
    each.controller.run(PROJECT)
    assert each.state("two") is State.CANARY


def test_there_are_never_too_many_learned_patterns(world: Make) -> None:
    each = world(settings=RolloutSettings(most_active=1))
    each.learned("one")
    each.learned("two")
    assert (each.state("one"), each.state("two")) == (State.CANARY, State.SHADOW)


def test_room_is_kept_also_by_those_who_approve(world: Make) -> None:
    """Two patterns were proposed while there was room for one."""
    few = RolloutSettings(most_active=1)
    each = world(manual=True, settings=few)
    each.learned("one")
    each.learned("two")
    approve(each.registry, PROJECT, "one", author="ada", reason="", settings=few)
    with pytest.raises(IllegalMoveError, match="1 learned patterns are in force or on trial"):
        approve(each.registry, PROJECT, "two", author="ada", reason="", settings=few)
    assert (each.state("one"), each.state("two")) == (State.CANARY, State.SHADOW)


def test_a_person_is_asked_before_the_canary_and_after_it(world: Make) -> None:
    each = world(manual=True)
    each.learned()
    assert each.state() is State.SHADOW
    approve(each.registry, PROJECT, "fix", author="ada", reason="")
    each.controller.run(PROJECT)
    assert (each.state(), each.share()) == (State.CANARY, 0.5)
    with pytest.raises(IllegalMoveError, match="waits for no approval"):
        approve(each.registry, PROJECT, "fix", author="ada", reason="")
    each.calls_of(cured(1.0), 60)
    each.controller.run(PROJECT)
    assert each.state() is State.CANARY
    approve(each.registry, PROJECT, "fix", author="ada", reason="")
    each.controller.run(PROJECT)
    assert (each.state(), each.share()) == (State.ACTIVE, pytest.approx(0.98))
    assert [event.author for event in each.registry.history(PROJECT, "fix")][-1] == "ada"


@pytest.mark.parametrize(
    "fix",
    [
        {"model": "other"},
        {"messages[0].content": "Answer in JSON."},
        {"messages": {"append_text": {"text": "Answer in JSON.", "role": ["user"]}}},
        {"tools": None},
    ],
    ids=["model", "text", "messages", "tools"],
)
def test_a_learned_fix_that_reaches_far_always_waits_for_a_person(
    fix: dict[str, Any], world: Make
) -> None:
    """Also when it was proposed under manual approval and Core now runs without."""
    each = world(manual=True)
    each.learned(fix=fix)
    each.manual = False
    each.restart()
    for approved in (State.CANARY, State.ACTIVE):
        before = each.state()
        each.calls_of(cured(1.0), 60)
        each.controller.run(PROJECT)
        assert each.state() is before
        approve(each.registry, PROJECT, "fix", author="ada", reason="")
        assert each.state() is approved


def test_what_people_put_in_force_is_left_alone(world: Make) -> None:
    """A pattern without trial applies to every call; one that a person tries gets its shares."""
    each = world()
    document = {"name": "mine", "pattern": {"model": "m"}, "fix": {"temperature": 1}}
    each.registry.add_pattern(PROJECT, document, author="ada")
    tried = {**document, "name": "tried"}
    each.registry.add_pattern(PROJECT, tried, author="ada", state=State.SHADOW)
    each.controller.run(PROJECT)
    assert each.registry.pattern(PROJECT, "mine").allocation is None
    assert each.state("tried") is State.SHADOW
    each.registry.transition(PROJECT, "tried", State.CANARY, author="ada", reason="try it")
    each.controller.run(PROJECT)
    assert each.share("tried") == pytest.approx(0.01)


def test_a_proven_fix_is_not_put_out_of_force_by_the_trial_of_another(world: Make) -> None:
    """Of two fixes of the same parameter of the same calls the second one waits, and gives up."""
    each = world()
    each.calls.requests = ['{"model": "m", "temperature": 1, "top_p": 1}']
    proven = {"name": "proven", "pattern": {"model": "m"}, "fix": {"temperature": 0.5}}
    each.registry.add_pattern(PROJECT, proven, author="learner")
    for name, fix in (("same", {"temperature": None}), ("other", {"top_p": None})):
        each.registry.add_pattern(
            PROJECT,
            {"name": name, "pattern": {"top_p": 1}, "fix": fix},
            author="learner",
            state=State.CANDIDATE,
            evidence={"signature": "s", "failed": 10, "matching": 10},
        )
    each.controller.run(PROJECT)
    assert (each.state("same"), each.state("other")) == (State.SHADOW, State.CANARY)
    each.registry.transition(PROJECT, "other", State.PAUSED, author="ada", reason="enough")
    each.controller.run(PROJECT)
    progress = each.registry.progress(PROJECT, "same")
    assert progress is not None
    why = '"proven", which is in force, changes the same of the same calls'
    assert progress["obstacle"] == why
    each.now += timedelta(days=14)
    each.controller.run(PROJECT)
    assert each.state("same") is State.INCONCLUSIVE
    assert each.registry.history(PROJECT, "same")[-1].reason == why


def test_a_failure_that_only_treated_calls_have_withdraws_a_fix(world: Make) -> None:
    """A few calls in a hundred break in a new way: seen long before the rates differ."""
    breaks = Provider(target=lambda treated: 0.3, other=lambda treated: 0.1 * treated)
    each = world(settings=RolloutSettings(ramp=(0.25,)))
    each.learned(failed=30, matching=100)
    each.run_until(breaks, *ENDS, at_most=1000)
    assert each.state() is State.ROLLED_BACK
    last = each.registry.history(PROJECT, "fix")[-1]
    assert "treated calls failed in a way that no other one did (fedcba9876543210)" in last.reason
    assert last.evidence["treated"]["calls"] <= 100


def test_a_failure_that_all_calls_may_have_is_not_blamed_on_the_fix(world: Make) -> None:
    helps = Provider(target=lambda treated: 0.02 if treated else 0.3, other=lambda treated: 0.1)
    for seed in range(3):
        each = world(seed=seed, settings=RolloutSettings(ramp=(0.5,)))
        each.learned(failed=30, matching=100)
        each.run_until(helps, *ENDS, at_most=2000)
        assert each.state() is State.ACTIVE
