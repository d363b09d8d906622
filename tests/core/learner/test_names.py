"""Names of learned patterns tell what they are about."""

from __future__ import annotations

from typing import Any

import pytest

from arc_core.learner.names import name


@pytest.mark.parametrize(
    ("model", "problem", "expected"),
    [
        ("o9-mini", "unsupported_value", "openai-o9-mini-temperature-unsupported"),
        ({"in": ["o9", "o10"]}, "unsupported_value", "openai-o9-temperature-unsupported"),
        ({"matches": "^o9"}, "truncated", "openai-o9-temperature-truncated"),
        (None, "", "openai-temperature"),
        ("x" * 80, "unsupported_value", "openai-" + "x" * 53),
    ],
)
def test_a_name_says_what_where_and_why(model: Any, problem: str, expected: str) -> None:
    condition = {} if model is None else {"model": model}
    document = {"provider": "openai", "pattern": condition, "fix": {"temperature": None}}
    assert name(document, problem, ()) == expected


def test_a_name_that_is_taken_gets_a_number() -> None:
    document = {"pattern": {}, "fix": {"temperature": None}}
    assert name(document, "", {"temperature", "temperature-2"}) == "temperature-3"
