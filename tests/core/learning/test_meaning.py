"""What a fix may change in what the application gets."""

from __future__ import annotations

from typing import Any

import pytest

from arc_core.learning.meaning import loses, meaning


@pytest.mark.parametrize(
    ("fix", "said", "lost"),
    [
        ({"max_tokens": {"rename": "max_completion_tokens"}}, "", False),
        ({"messages": {"repair": "tool_pairs"}}, "the conversation is put together", False),
        ({"temperature": None}, "replies vary more or less", False),
        ({"max_tokens": {"clamp": {"high": 4096}}}, "long replies are cut off sooner", False),
        ({"max_output_tokens": {"clamp": {"low": 16}}}, "may be longer, and cost more", False),
        ({"maxTokens": None}, "may be longer", False),
        ({"stop": None}, "no longer end where it said", True),
        ({"config.stop_sequences": {"limit": 4}}, "some stop sequences", True),
        ({"response_format": None}, "form of replies is no longer promised", True),
        ({"response_format": {"set": {"type": "json_object"}}}, "no longer promised", True),
        ({"tools": None, "tool_choice": None}, "can no longer call tools", True),
        ({"n": {"clamp": {"high": 1}}}, "fewer choices", True),
        ({"tools[*].function.parameters": {"repair": "strict_schema"}}, "", False),
        ({"model": "other"}, "another model answers", True),
    ],
)
def test_the_price_of_a_fix_is_told(fix: dict[str, Any], said: str, lost: bool) -> None:
    """What is asked for no more is lost; what is said otherwise is not."""
    assert said in meaning(fix)
    assert bool(meaning(fix)) == bool(said)
    assert loses(fix) is lost
