"""Explanations of decisions, for people."""

from __future__ import annotations

from arc_protocol.patterns import Origin, Pattern, PatternSet
from arc_protocol.patterns.explanation import explain

HOT = Pattern.parse(
    name="hot",
    provider="openai",
    pattern={"model": {"matches": "^gpt-4.1"}, "temperature": {">": 0.9}},
    fix={"temperature": 0.7},
    rationale="Hot replies stray.",
    origin=Origin.BUILT_IN,
)
STOP = Pattern.parse(name="stop", pattern={"stop": {"count": {">": 4}}}, fix={"stop": {"limit": 4}})
MINE = Pattern.parse(name="mine", pattern={"seed": 1}, fix={"temperature": 1.0})


def test_a_match_is_explained_with_its_change_and_reason() -> None:
    """The change is a JSON Patch, and the text says who made it and why."""
    request = {"model": "gpt-4.1", "temperature": 0.95}
    explanation = explain(PatternSet([HOT]), "openai", "chat", request)
    assert list(explanation.patch) == [{"op": "replace", "path": "/temperature", "value": 0.7}]
    [verdict] = explanation.verdicts
    assert (verdict.pattern, verdict.matches, verdict.outcome) == (HOT, True, "applied")
    assert str(explanation).splitlines() == [
        "hot (built-in): applied",
        "  why: Hot replies stray.",
        'change: {"op": "replace", "path": "/temperature", "value": 0.7}',
    ]


def test_a_miss_is_explained_with_the_value_that_was_found() -> None:
    """Each part of the condition that does not hold is named."""
    explanation = explain(
        PatternSet([HOT, STOP]), "openai", "chat", {"model": "gpt-4.1", "temperature": 0.5}
    )
    assert explanation.decision is None
    assert explanation.patch == ()
    assert str(explanation).splitlines() == [
        "stop (local): does not match",
        '  stop {"count": {">": 4}} does not hold; found nothing',
        "hot (built-in): does not match",
        '  temperature {">": 0.9} does not hold; found 0.5',
    ]


def test_what_cannot_be_evaluated_says_why() -> None:
    """An error is told apart from a miss."""
    explanation = explain(
        PatternSet([HOT]), "openai", "chat", {"model": "gpt-4.1", "temperature": "hot"}
    )
    [verdict] = explanation.verdicts
    assert not verdict.matches
    assert verdict.outcome == "error: a string cannot be compared with a number"
    assert 'found "hot"' in str(explanation)


def test_a_skipped_fix_says_who_won() -> None:
    """Of two patterns for one field the lower one is explained by the higher one."""
    explanation = explain(
        PatternSet([HOT, MINE]),
        "openai",
        "chat",
        {"model": "gpt-4.1", "temperature": 0.95, "seed": 1},
    )
    assert [verdict.outcome for verdict in explanation.verdicts] == [
        "applied",
        "skipped: mine has already written temperature",
    ]


def test_a_matching_fix_without_effect_says_so() -> None:
    """A pattern may match and have nothing to change."""
    explanation = explain(PatternSet([MINE]), None, None, {"seed": 1, "temperature": 1.0})
    assert explanation.verdicts[0].outcome == "no change"


def test_only_patterns_for_the_call_are_explained() -> None:
    """Patterns for other providers would only be noise."""
    explanation = explain(PatternSet([HOT]), "anthropic", "messages", {"model": "gpt-4.1"})
    assert explanation.verdicts == ()
    assert str(explanation) == "No pattern concerns this call."


def test_foreign_objects_are_shown_by_their_type() -> None:
    """A request that is no JSON can be explained; its objects are not used."""
    numbers = iter([1])
    request = {"model": "gpt-4.1", "temperature": 0.95, "messages": [numbers], "seed": object()}
    explanation = explain(PatternSet([HOT, MINE]), "openai", "chat", request)
    assert 'found "<object>"' in str(explanation)
    assert list(explanation.patch) == [{"op": "replace", "path": "/temperature", "value": 0.7}]
    assert list(numbers) == [1]
