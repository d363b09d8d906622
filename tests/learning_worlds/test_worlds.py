"""The learning benchmark is fair, and a small piece of it closes the loop."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.learning.cases import HALVES, playable
from benchmarks.learning.laboratory import opened_store
from benchmarks.learning.studies import by_chance
from benchmarks.learning.worlds import World, worlds

from arc_simulator.catalogue import cases
from arc_simulator.rules import Rule


def test_every_curable_case_is_played_once_in_its_half() -> None:
    made = worlds(1)
    played = [case.id for world in made for case in world.curable]
    assert sorted(played) == sorted(c.id for c in playable().values() if c.policy == "safe")
    for half in HALVES:
        mine = [case for world in worlds(1, (half,)) for case in world.curable]
        assert {case.half for case in mine} == {half}


@pytest.mark.parametrize("world", worlds(1), ids=lambda world: world.name)
def test_calls_meet_what_the_plan_says(world: World) -> None:
    """Most are healthy, also those that ask the models of a case."""
    for rule in world.rules:
        Rule.parse(rule)
    plan = world.plan(duration_s=20)
    assert [world.verdict(call.endpoint, call.request) for call in plan] == [
        call.case for call in plan
    ]
    assert sum(call.case is None for call in plan) > 0.55 * len(plan)
    for case in world.curable:
        about = [call.case for call in plan if call.about == case.id]
        assert case.id in about
        assert None in about


def test_no_model_is_one_that_the_catalogue_knows() -> None:
    known = {str(case.request["model"]) for case in cases().values()}
    for world in worlds(1):
        assert known.isdisjoint(call.request["model"] for call in world.plan(duration_s=10))


@pytest.mark.parametrize(
    ("seed", "needless"),
    [
        pytest.param(3, 0, id="a parameter"),
        pytest.param(4, 24, id="a bound, and what goes with it by luck"),
        pytest.param(6, 0, id="two parameters"),
    ],
)
def test_a_failure_by_chance_is_cured(tmp_path: Path, seed: int, needless: int) -> None:
    """Stored calls, learning, trial and what Runtimes decide, without a process or a pause."""
    with opened_store(tmp_path) as store:
        outcome = by_chance(store, tmp_path, seed)
    assert outcome.good, outcome.told
    assert outcome.needless <= needless
