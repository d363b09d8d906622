"""How far a condition reaches once calls are there that it matched and left alone."""

from __future__ import annotations

import random
from typing import Any

import pytest

from arc_core.learning.narrowing import narrowed

Request = dict[str, Any]


def calls(name: str, *values: Any) -> list[Request]:
    return [{"model": "m", "messages": [], name: value} for value in values]


@pytest.mark.parametrize(
    ("condition", "failing", "healthy", "drawn"),
    [
        ({"n": {"<": 2000}}, [300] * 9, [1500], {"<": 1000}),
        ({"n": {"<=": 2000}}, [300, 700] * 9, [900], {"<": 900}),
        ({"n": {">": 1000}}, [5000] * 9, [1500, 3000], {">": 3000}),
        ({"n": {">": 1000, "<": 9000}}, [5000] * 9, [1500], {">": 2000, "<": 9000}),
        ({"n": {"len": {">": 10}}}, ["x" * 90] * 9, ["x" * 20], {"len": {">": 20}}),
        ({"n": {"count": {">": 1}}}, [[0] * 9] * 9, [[0] * 4], {"count": {">": 4}}),
    ],
)
def test_a_sure_failure_ends_where_its_calls_do(
    condition: Request, failing: list[Any], healthy: list[Any], drawn: Any
) -> None:
    """One healthy call beyond all failing ones shows that the bound was only guessed."""
    found = narrowed({"model": "m", **condition}, calls("n", *failing), calls("n", *healthy))
    assert found == {"model": "m", "n": drawn}


@pytest.mark.parametrize(
    ("failing", "healthy"),
    [
        ([300] * 9, []),
        ([300] * 4, [1500] * 4),  # too few to say where they end
        ([300] * 5 + [1900] * 5, [1500] * 3),  # healthy ones lie between
        ([1900] * 9, [300] * 9),  # what lies deepest inside is healthy: no other bound helps
    ],
    ids=["none healthy", "few", "between", "deepest"],
)
def test_a_bound_stays_where_nothing_shows_another(failing: list[int], healthy: list[int]) -> None:
    condition = {"model": "m", "n": {"<": 2000}}
    assert narrowed(condition, calls("n", *failing), calls("n", *healthy)) is None


def test_what_fails_as_seldom_as_ever_beyond_a_value_is_cut_off() -> None:
    """30 % fail up to 400; what fails above has other causes, and drew the bound too far."""
    failing = calls("n", *[200] * 30, *[400] * 30, *[1000] * 5)
    healthy = calls("n", *[200] * 70, *[400] * 70, *[1000] * 95)
    found = narrowed({"n": {"<": 2000}, "stream": True}, failing, healthy)
    assert found == {"n": {"<": 1000}, "stream": True}


def test_failing_calls_at_the_bound_are_not_given_up_for_healthy_ones_behind_them() -> None:
    failing = calls("n", *[100] * 40, *[1500] * 10)
    healthy = calls("n", *[100] * 80, *[1000] * 60, *[1500] * 20)
    assert narrowed({"n": {"<": 2000}}, failing, healthy) is None


@pytest.mark.parametrize("there", [True, False])
def test_a_parameter_that_must_be_there_as_well_is_asked_for(there: bool) -> None:
    """30 % fail with it, or without it; what fails otherwise has other causes."""
    ends: list[list[Request]] = [[], []]
    for made, failing, healthy in ((there, 60, 140), (not there, 5, 95)):
        extra = {"response_format": {"type": "json_object"}} if made else {}
        ends[0] += [{**call, **extra} for call in calls("n", *[1] * healthy)]
        ends[1] += [{**call, **extra} for call in calls("n", *[1] * failing)]
    found = narrowed({"n": 1}, ends[1], ends[0])
    assert found == {"n": 1, "response_format": {"exists": there}}


def test_chance_seldom_asks_for_more() -> None:
    """Calls that fail alike differ in many parameters, of which none has a part in it."""
    asked = 0
    for seed in range(200):
        draw = random.Random(seed)
        ends: list[list[Request]] = [[], []]
        for _ in range(200):
            extra = {f"x{name}": 1 for name in range(12) if draw.random() < 0.3}
            ends[draw.random() < 0.3] += [{"n": 1, **extra}]
        asked += narrowed({"n": 1}, ends[1], ends[0]) is not None
    assert asked <= 2  # 1 %


def test_chance_seldom_draws_a_bound_in() -> None:
    """Where calls fail alike up to the bound, a cut would leave calls without their cure."""
    drawn = 0
    for seed in range(300):
        draw = random.Random(seed)
        ends: list[list[Request]] = [[], []]
        for _ in range(200):
            ends[draw.random() < 0.3] += calls("n", draw.choice((100, 200, 300, 400, 800, 1500)))
        drawn += narrowed({"n": {"<": 2000}}, ends[1], ends[0]) is not None
    assert drawn <= 15  # 5 %
