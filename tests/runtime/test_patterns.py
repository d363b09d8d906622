"""Patterns of the application: registered, explained, in the right order, taken away again."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from runtime import Arc, PatternError
from runtime_shapes import RISKY


def sent(space: Any) -> Any:
    return space.requests()[-1]["json"]


@pytest.mark.parametrize(
    ("model", "temperature", "expected"),
    [
        ("gpt-4.1", 0.95, 0.7),
        ("gpt-4.1-2025-04-14", 1.5, 0.7),
        ("gpt-4.1", 0.9, 0.9),
        ("gpt-4.1-mini", 0.95, 0.95),
        ("gpt-4", 0.95, 0.95),
    ],
)
def test_built_in_pattern_concerns_gpt_41_and_its_snapshots(
    arc: Arc, space: Any, client: openai.OpenAI, model: str, temperature: float, expected: float
) -> None:
    """gpt-4.1 above 0.9 is set to 0.7; nothing else is touched."""
    client.chat.completions.create(**{**RISKY, "model": model, "temperature": temperature})
    assert sent(space)["temperature"] == expected


def test_custom_pattern_of_the_readme_works(arc: Arc, space: Any, client: openai.OpenAI) -> None:
    """The documented example fires."""
    arc.register_pattern(
        pattern={"model": "gpt-4", "temperature": {">": 0.9}}, fix={"temperature": 0.7}
    )
    client.chat.completions.create(**{**RISKY, "model": "gpt-4"})
    assert sent(space)["temperature"] == 0.7


def test_local_pattern_goes_before_the_built_in_one(
    arc: Arc, space: Any, client: openai.OpenAI
) -> None:
    """A user's pattern is never shadowed by a built-in."""
    name = arc.register_pattern({"model": "gpt-4.1", "temperature": {">": 0.9}}, {"temperature": 1})
    client.chat.completions.create(**RISKY)
    assert sent(space)["temperature"] == 1
    assert arc.unregister(name)
    assert not arc.unregister(name)
    client.chat.completions.create(**RISKY)
    assert sent(space)["temperature"] == 0.7


def test_bad_pattern_is_refused_in_a_sentence(arc: Arc) -> None:
    """The message names the field and the value; nothing is in force afterwards."""
    before = arc.patterns()
    with pytest.raises(PatternError, match=r"temperature.*=>"):
        arc.register_pattern({"temperature": {"=>": 1}}, {"temperature": 1})
    assert arc.patterns() == before


def test_explain_says_what_would_change_and_why(arc: Arc) -> None:
    """A person reads the pattern's name, the change and the reason."""
    text = str(arc.explain(RISKY))
    assert "gpt-4.1-high-temperature" in text
    assert "0.7" in text
    assert "hallucination" in text


def test_observe_mode_changes_nothing(start: Any, space: Any, client: openai.OpenAI) -> None:
    """`observe` matches and records only."""
    start(mode="observe")
    client.chat.completions.create(**RISKY)
    assert sent(space)["temperature"] == 0.95
    start(mode="enforce")


def test_wrap_returns_a_client_whose_calls_are_fixed(
    arc: Arc, space: Any, client: openai.OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where something has replaced the SDK's method, `wrap` protects all the same."""
    assert arc.wrap(client) is client
    original = openai.OpenAI.request.__wrapped__  # type: ignore[attr-defined]
    monkeypatch.setattr(openai.OpenAI, "request", original)
    client.chat.completions.create(**RISKY)
    assert sent(space)["temperature"] == 0.95
    protected = arc.wrap(client)
    assert isinstance(protected, openai.OpenAI)
    protected.chat.completions.create(**RISKY)
    assert sent(space)["temperature"] == 0.7


def test_wrap_returns_anything_else_as_it_is(arc: Arc) -> None:
    """An object that Arc does not know comes back untouched."""
    other = object()
    assert arc.wrap(other) is other


@pytest.mark.parametrize("temperature", [None, "hot", float("nan"), [], {"a": 1}, b"x"])
def test_strange_values_go_through(arc: Arc, temperature: Any) -> None:
    """A value that is no number neither matches nor raises."""
    assert "applied" not in str(arc.explain({**RISKY, "temperature": temperature}))
