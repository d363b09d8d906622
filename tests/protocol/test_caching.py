"""Pushed patterns leave alone what the provider's prompt cache keeps."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

import pytest

from arc_protocol.patterns import Origin, Pattern, PatternSet

MARK = {"cache_control": {"type": "ephemeral"}}
TOOL = {"name": "look_up", "input_schema": {"type": "object"}}


def text(words: str, **more: Any) -> Dict[str, Any]:
    return {"type": "text", "text": words, **more}


def said(role: str, *blocks: Any) -> Dict[str, Any]:
    return {"role": role, "content": list(blocks)}


def changes(
    fix: Dict[str, Any],
    request: Dict[str, Any],
    *,
    provider: str = "anthropic",
    origin: Origin = Origin.PUSHED,
    allowed: bool = False,
) -> Optional[str]:
    """Return why a fix is skipped; None when it is applied."""
    condition = {"model": "m"}
    made = Pattern.parse({"name": "p", "pattern": condition, "fix": fix}, origin=origin)
    decision = PatternSet([made], rewrites_cached=allowed).decide(provider, "chat", request)
    assert decision is not None
    assert decision.errors == ()
    if decision.skipped:
        assert decision.body is request
        return decision.skipped[0][1]
    assert decision.applied
    return None


MARKED = {
    "model": "m",
    "temperature": 2,
    "tools": [TOOL],
    "system": [text("be kind", **MARK)],
    "messages": [said("user", text("a")), said("user", text("b", **MARK)), said("user", text(""))],
}


@pytest.mark.parametrize(
    ("fix", "place"),
    [
        ({"tools[0].name": {"set": "find"}}, "tools[0]"),
        ({"system": "be terse"}, "system[0]"),
        ({"messages[0].content[0].text": "z"}, "messages[0]"),
        ({"messages": {"repair": "consecutive_roles"}}, "messages[0]"),
        ({"messages": {"prepend": {"role": "user", "content": "hello"}}}, "messages[0]"),
    ],
)
def test_before_a_mark_nothing_is_changed(fix: Dict[str, Any], place: str) -> None:
    """The reason names the place and the mark, for people who wonder."""
    reason = f"it would change {place}, before the prompt-cache mark in messages[1]"
    assert changes(fix, MARKED) == reason
    assert changes(fix, MARKED, allowed=True) is None
    assert changes(fix, MARKED, origin=Origin.LOCAL) is None


@pytest.mark.parametrize(
    "fix",
    [
        {"temperature": None},
        {"temperature": 1, "top_p": 0.5},
        {"messages[2].content": "c"},
        {"messages": {"append": {"role": "user", "content": "c"}}},
        {"**.cache_control": {"limit_marks": {"max": 1, "last_of": ["system"]}}},
    ],
)
def test_what_the_cache_does_not_keep_may_change(fix: Dict[str, Any]) -> None:
    """Settings, what follows the last mark, and the marks themselves."""
    assert changes(fix, MARKED) is None


def test_only_marks_count_where_nothing_else_is_kept() -> None:
    """Without marks this provider keeps nothing."""
    request = {"model": "m", "messages": [said("user", text("long " * 2000))]}
    assert changes({"messages[0].content[0].text": "z"}, request) is None


def long(*others: Any) -> Dict[str, Any]:
    first = {"role": "system", "content": "long " * 1000}
    turns: List[Any] = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    return {"model": "m", "messages": [first, *turns, *others, {"role": "user", "content": "c"}]}


def test_long_prompts_keep_their_beginning() -> None:
    """A window over the history moves with each turn; the whole prompt is read anew each time."""
    window = {"messages": {"limit": {"max": 3, "keep": "last"}}}
    reason = "it would change messages[0] anew at each call, which the provider's cache keeps"
    assert changes(window, long(), provider="openai") == reason
    assert changes(window, long(), provider="openai", allowed=True) is None


@pytest.mark.parametrize(
    "fix",
    [
        {"messages": {"each": {"where": {"role": "system"}, "fix": {"role": "developer"}}}},
        {"messages[-1].content": {"strip": "both"}, "temperature": 1},
        {"messages[0].content": {"truncate": 100}},
    ],
)
def test_a_change_that_stays_the_same_costs_one_miss(fix: Dict[str, Any]) -> None:
    """The next call finds the changed beginning in the cache."""
    assert changes(fix, long(), provider="openai") is None
