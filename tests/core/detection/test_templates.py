"""Messages that say the same of different calls have one template."""

from __future__ import annotations

import pytest

from arc_core.detection.templates import TEMPLATE_LIMIT, template


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "max_tokens is too large: 32000. This model supports at most 16384 tokens",
            "max_tokens is too large: 99. This model supports at most 8 tokens",
        ),
        ("The model `llama-3.1-70b` is gone", "The model `aurora` is gone"),
        ("No call for output with call_id call_uelfkqtHfJ25", "No call for output with call_id c9"),
        ("Invalid schema for function 'a_b': x", "Invalid schema for function 'search': x"),
        (
            "Supported values are: 'none', 'low', and 'high'.",
            "Supported values are: 'low', 'medium', and 'xhigh'.",
        ),
        ("messages.3.content.0.text: no", "messages.156.content.2.text: no"),
        ("Invalid 'messages[2].role'", "Invalid 'messages[17].role'"),
        ("Limit for org-aBc in 2024-08-01-preview", "Limit for org-xY in 2025-01-01"),
        ("see https://example.com/a?b=1", "see https://other.example/"),
        ("two  words\n", "two words"),
        (
            "[{'loc': ['body', 'top_k'], 'msg': 'no', 'input': {'messages': ['secret']}}]",
            "[{'loc': ['body', 'top_k'], 'msg': 'no', 'input': 5}]",
        ),
    ],
)
def test_what_differs_between_calls_is_masked(one: str, other: str) -> None:
    assert template(one) == template(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Unsupported parameter: 'top_p' is not supported", "Unsupported parameter: 'seed' is not"),
        ("`temperature` is deprecated", "`top_k` is deprecated"),
        ("max_tokens: Field required", "model: Field required"),
        ("Invalid 'messages[2].role'", "Invalid 'messages[2].content'"),
        ("[{'loc': ['body', 'top_k'], 'msg': 'no'}]", "[{'loc': ['body', 'seed'], 'msg': 'no'}]"),
        ("Found 5 blocks", "Expected 5 blocks"),
    ],
)
def test_what_tells_failures_apart_stays(one: str, other: str) -> None:
    assert template(one) != template(other)


def test_a_template_can_be_read() -> None:
    said = "Unsupported value: 'temperature' does not support 0.2 with the 'gpt-5' model."
    masked = "Unsupported value: 'temperature' does not support <n> with the <*> model."
    assert template(said) == masked


def test_long_messages_are_cut_and_take_no_time() -> None:
    """Proxies answer with whole web pages, and quotes must not make the search explode."""
    assert len(template("word " * 100_000)) == TEMPLATE_LIMIT
    for evil in ("'" * 100_000, "'a', " * 50_000, '"' + "a.1[" * 50_000, "1." * 50_000):
        assert len(template(evil)) <= TEMPLATE_LIMIT
