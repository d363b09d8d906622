"""How far conditions reach beyond the calls that they were learned from."""

from __future__ import annotations

from typing import Any

import pytest

from arc_core.learning import models
from arc_core.learning.confirmation import discoveries
from arc_core.learning.gain import tail, upper_rate
from arc_core.learning.guards import guards
from arc_core.learning.numbers import roundest, roundest_above


@pytest.mark.parametrize(
    ("failing", "others", "asked"),
    [
        (["a-1"], ["b-1"], "a-1"),
        (["a-1", "a-1-mini"], ["b-1"], {"starts_with": "a-1"}),
        (["a-1", "a-2"], ["b-1", "a-3"], {"in": ["a-1", "a-2"]}),
        (
            ["a-1-x", "a-1-y", "a-1-z"],
            ["a-1-old", "b"],
            {"starts_with": "a-1-", "not_in": ["a-1-old"]},
        ),
        (["a-1", "a-2", "c"], ["b"], {"matches": r"^(?:a\-|c$)"}),
    ],
)
def test_models_are_named_as_widely_as_was_seen(
    failing: list[str], others: list[str], asked: Any
) -> None:
    """A beginning stands for its models only where two of them failed and healthy ones differ."""
    assert models.requirement(failing, others) == asked


@pytest.mark.parametrize(
    ("low", "high", "bound"),
    [
        (4000, 5000, 4000),
        (3500, 6000, 4000),
        (8100, 8300, 8192),
        (0.9, 1.2, 1),
        (0, 2, 0),
        (2, 3, 2),
    ],
)
def test_bounds_are_round(low: float, high: float, bound: float) -> None:
    """Between what is healthy and what fails lies a limit that somebody has chosen."""
    assert roundest(low, high) == bound
    assert low <= roundest(low, high) < high


def test_bounds_from_below_are_round() -> None:
    assert roundest_above(700, 1024) == 1000
    assert roundest_above(0.1, 0.5) == 0.5


def test_a_fix_tells_when_it_has_something_to_do() -> None:
    """The guard is the part of a condition that follows from the fix alone."""
    assert guards({"stop": None}) == [[{"stop": {"exists": True}}]]
    assert guards({"stop": {"limit": 4}}) == [[{"stop": {"count": {">": 4}}}]]
    assert guards({"n": {"clamp": {"high": 2}}}) == [[{"n": {">": 2}}]]
    assert guards({"messages": {"repair": "consecutive_roles"}}) == [
        [{"messages": {"is": "consecutive_same_role"}}]
    ]
    repair = {"parameters": {"repair": "strict_schema"}}
    both = {"parameters": {"is": "strict_schema_incomplete"}, "strict": True}
    of_one = {"where": {"strict": True}, "fix": repair}
    assert guards({"tools": {"each": of_one}})[0][0] == {"tools": {"any": both}}
    without = {"where": {"f.properties": {"==": {}}}, "fix": {"f": None}}
    asked = {"tools": {"any": {"f.properties": {"==": {}}}}}
    assert guards({"tools": {"each": without}})[0][0] == asked


def test_tails_are_exact() -> None:
    assert tail(1, 2, 0.5) == pytest.approx(0.75)
    assert tail(3, 3, 0.1) == pytest.approx(0.001)
    assert upper_rate(0, 58) == pytest.approx(0.0503, abs=0.001)
    assert upper_rate(0, 0) == 1


def test_few_of_the_findings_are_false() -> None:
    """A finding that would not stand alone stands among better ones, but never a bad one."""
    assert discoveries([0.04, 0.001, 0.9]) == [False, True, False]
    assert discoveries([0.03, 0.001]) == [True, True]
