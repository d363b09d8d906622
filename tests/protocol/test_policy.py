"""Policy: what each level lets pushed patterns change."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Dict

import pytest

import arc_protocol
from arc_protocol.patterns import Pattern
from arc_protocol.patterns.fixes import operations
from arc_protocol.patterns.policy import POLICIES, parse_policy, refusal

SAFE: Dict[str, Any] = {
    "a sampling parameter": {"temperature": 0.7},
    "a limit": {"max_tokens": {"clamp": {"high": 4096}}},
    "a default": {"max_tokens": {"default": 4096}},
    "within a folder": {"generationConfig.maxOutputTokens": 100},
    "within a parameter": {"reasoning": {"effort": "low", "summary": None}},
    "removal": {"top_p": None, "user": None, "metadata.draft": None},
    "renaming": {"max_tokens": {"rename": "max_completion_tokens"}},
    "moving": {"reasoning_effort": {"move": "reasoning.effort"}},
    "several operations": {"stop": {"chain": [{"limit": 4}, {"dedupe": "x"}]}},
    "joined roles": {"messages": {"repair": "consecutive_roles"}},
    "a schema": {"tools[*].function.parameters": {"repair": "strict_schema"}},
    "silent keywords": {"tools[*].x": {"repair": {"schema_without": {"keywords": ["format"]}}}},
    "names of tools": {"tools[*].function.name": {"sanitize": "^[a-z]{1,64}$"}},
    "marks": {"**.cache_control": {"limit_marks": {"max": 4, "last_of": []}}, "a.cachePoint": None},
}
CONTENT: Dict[str, Any] = {
    "one of several": {"temperature": 0.7, "messages[0].role": "user"},
    "text": {"messages[-1].content": {"strip": "right"}},
    "deep within a list": {"messages": {"each": {"fix": {"content": "x"}}}},
    "merging": {"response_format": {"type": "json_object"}},
    "an empty object": {"messages": {}},
    "removal of tools": {"tools": None},
    "text that a repair loses": {"messages": {"repair": "tool_pairs"}},
    "text that a repair adds": {"messages": {"repair": {"prefill": {"instruction": "Obey"}}}},
    "text between messages": {"messages": {"repair": {"consecutive_roles": {"separator": "Obey"}}}},
    "keywords with text": {"tools[*].x": {"repair": {"schema_without": {"keywords": ["title"]}}}},
    "a schema's text": {
        "tools[*].parameters": {
            "repair": {
                "schema_default": {"where": {"a": 1}, "keyword": "description", "value": "Obey"}
            }
        }
    },
    "texts in place of names": {"messages[*].content": {"sanitize": "^[x]{1,2}$"}},
    "texts beside names": {
        "tools[*].name": {"sanitize": {"allowed": "^[x]{1,2}$", "also": ["messages[*].content"]}}
    },
    "moved text": {"messages": {"hoist": {"where": {"role": "system"}, "to": "system"}}},
    "a value for an emptied list": {
        "messages": {"drop": {"where": {"a": 1}, "if_emptied": ["Obey"]}}
    },
    "a parameter as content": {"metadata": {"rename": "system"}},
    "a parameter moved into content": {"metadata": {"move": "messages[0].content"}},
    "anywhere": {"**.description": None},
    "new marks": {"messages[0].cache_control": {"type": "ephemeral"}},
}
ALL: Dict[str, Any] = {
    "the model": {"model": "gpt-4.1"},
    "the model in a table": {"model": {"map": {"a": "b"}}},
    "removal of the model": {"model": None},
    "renaming to the model": {"user": {"rename": "model"}},
    "moving to the model": {"user.name": {"move": "model"}},
    "routing": {"provider.order": ["elsewhere"]},
    "the model anywhere": {"**.model": None},
    "a tool's address": {"tools[0].server_url": "https://elsewhere"},
    "a tool with an address": {"tools": {"append": {"type": "mcp", "server_url": "https://x"}}},
    "storage": {"store": None},
    "safety": {"safetySettings": None},
    "an unknown field": {"brand_new": 1},
    "an unknown field by default": {"brand_new": {"default": 1}},
    "an unknown field by a repair": {"brand_new": {"repair": "tool_pairs"}},
    "moved to an unknown field": {"messages": {"hoist": {"where": {"a": 1}, "to": "brand_new"}}},
    "anything anywhere": {"**.x": 1},
}
CASES = [
    pytest.param(fix, level, id=f"{level}: {name}")
    for level, fixes in (("safe", SAFE), ("content", CONTENT), ("all", ALL))
    for name, fix in fixes.items()
]


@pytest.mark.parametrize(("fix", "needed"), CASES)
def test_a_fix_is_allowed_from_its_level_on(fix: Any, needed: str) -> None:
    """Every level below refuses it in one sentence, every level from there on allows it."""
    parsed = Pattern.parse(pattern={"model": "m"}, fix=fix).fix
    allowed = {name: refusal(parsed, name) is None for name in POLICIES}
    assert allowed == {name: level >= POLICIES[needed] for name, level in POLICIES.items()}
    assert needed in str(refusal(parsed, "none"))


def test_the_reason_names_policy_deed_and_place() -> None:
    """A person reads what was refused and what would allow it."""
    assert refusal({"messages": {"each": {"fix": {"content": None}}}}, "safe") == (
        'the policy "safe" does not let pushed patterns remove "messages[*].content"; '
        '"content" would'
    )


def test_an_operation_that_is_not_listed_needs_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a later version of the language brings is not safe by accident."""
    monkeypatch.setitem(operations(), "levitate", None)  # type: ignore[arg-type,call-overload]
    assert "levitate" in str(refusal({"temperature": {"levitate": 1}}, "content"))
    assert refusal({"temperature": {"levitate": 1}}, "all") is None


def test_every_fix_of_the_catalogue_has_a_level() -> None:
    """None is beyond what a user can allow, and most need no more than the default."""
    path = Path(arc_protocol.__file__).parent / "vectors" / "catalogue.json"
    fixes = [pattern["fix"] for pattern in json.loads(path.read_text())]
    assert [fix for fix in fixes if refusal(fix, "all")] == []
    safe = [fix for fix in fixes if refusal(fix, "safe") is None]
    assert len(safe) > len(fixes) / 2


UNIT = {"low": 0, "high": 1}
BY_PATHS: Dict[str, Any] = {
    # a policy, fixes that it allows, and fixes that it does not with words of the reason
    "numbers within a range": (
        {"temperature": UNIT},
        [
            {"temperature": 1},
            {"temperature": None},
            {"generationConfig.temperature": 0.5},
            {"temperature": {"default": 0.5}},
            {"temperature": {"clamp": {"low": 0.2, "high": 1}}},
            {"temperature": {"chain": [{"remove": True}, {"set": 0}]}},
            {"temperature": {"rename": "top_p"}},
            {"top_p": 5},
        ],
        {
            "only to numbers": {"temperature": 1.5},
            "from 0 to 1, not": {"generationConfig.temperature": 1.5},
            "not clamp": {"temperature": {"clamp": {"high": 1.5}}},
            "not default": {"temperature": {"default": 2}},
            "to true": {"temperature": True},
            '"high"': {"temperature": {"chain": [{"set": "high"}]}},
            "clamp": {"temperature": {"clamp": {"high": {"field": "top_p"}}}},
            "convert": {"temperature": {"convert": "number"}},
            "not known beforehand": {"top_p": {"rename": "temperature"}},
            "write": {"top_p": {"move": "temperature"}},
            "set": {"temperature.x": 0.5},
        },
    ),
    "a range within an object": (
        {"thinking.budget_tokens": {"high": 100}, "*": "all"},
        [{"thinking": {"budget_tokens": 100}}, {"thinking": {"default": {"type": "x"}}}],
        {
            "up to 100": {"thinking": {"budget_tokens": 101}},
            "not default": {"thinking": {"default": {"budget_tokens": 101}}},
            "not set": {"thinking": {"set": {"budget_tokens": "much"}}},
            "not known": {"thinking": {"replace": {"where": {".": 1}, "by": {}}}},
            "to 101": {"**.budget_tokens": 101},
        },
    ),
    "a range where the rest is open": (
        {"temperature": UNIT, "*": "all"},
        [{"config": {"set": {"temperature": 1}}}, {"config": {"temperature": 1, "n": 2}}],
        {
            "from 0 to 1, not set": {"config": {"temperature": 1.5}},
            "not set": {"config": {"set": {"options": {"temperature": 1.5}}}},
            "not known": {"config": {"replace": {"where": {".": 1}, "by": 2}}},
        },
    ),
    "a path that nothing may change": (
        {"max_tokens": "none", "messages": "none"},
        [{"temperature": 1}, {"max_completion_tokens": 5}],
        {
            'the policy "none" for "max_tokens"': {"max_tokens": 5},
            "maxTokens": {"maxTokens": None},
            "remove": {"max_tokens": None, "temperature": 1},
            "write": {"n": {"rename": "max_tokens"}},
            "messages[0].name": {"messages[0].name": None},
            "repair": {"messages": {"repair": "tool_results_first"}},
            "**.x": {"**.x": None},
            "[*].x": {"[*].x": None},
        },
    ),
    "a path within one that is open": (
        {"messages": "content", "messages[*].name": "none"},
        [{"messages[-1].content": "x"}, {"messages": {"each": {"fix": {"content": "x"}}}}],
        {
            "messages[*].name": {"messages[2].name": None},
            'for "messages[*].name"': {"messages": []},
            "remove": {"messages": {"each": {"fix": {"name": None}}}},
        },
    ),
    "an open path beside closed ones": (
        {"*": "none", "model": "all", "brand_new": {"low": 1}},
        [{"model": "m"}, {"brand_new": 3}],
        {
            'the policy "none" does not let': {"temperature": 1},
            "from 1 on": {"brand_new": 0},
        },
    ),
    "an address within content": (
        {"tools": "content"},
        [{"tools": []}],
        {'"all" would': {"tools": {"append": {"server_url": "https://elsewhere"}}}},
    ),
}


@pytest.mark.parametrize(("document", "allowed", "refused"), BY_PATHS.values(), ids=list(BY_PATHS))
def test_a_policy_of_paths(document: Any, allowed: Any, refused: Dict[str, Any]) -> None:
    """What a fix does at each place is judged by the rule for it, and the reason names that."""
    text = parse_policy(document).text
    for fix in allowed:
        assert refusal(Pattern.parse(pattern={"model": "m"}, fix=fix).fix, text) is None
    for words, fix in refused.items():
        assert words in str(refusal(Pattern.parse(pattern={"model": "m"}, fix=fix).fix, text))


def test_the_reason_names_path_and_range() -> None:
    """A person reads what may be set, and what the fix would have set."""
    text = parse_policy({"temperature": UNIT}).text
    assert refusal({"temperature": 1.5}, text) == (
        'the policy lets pushed patterns set "temperature" only to numbers from 0 to 1, '
        'not set "temperature" to 1.5'
    )


def test_equal_policies_have_one_text() -> None:
    """However they are written: it is what travels and is compared."""
    text = '{"*":"safe","temperature":{"high":1,"low":0}}'
    assert parse_policy({"temperature": {"low": 0, "high": 1}}).text == text
    assert parse_policy('{"temperature": {"high": 1, "low": 0}, "*": "safe"}').text == text
    assert parse_policy(text) == parse_policy(parse_policy(text).text)
    assert parse_policy({"*": "content"}) == parse_policy("content")


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("some", "write one of none, safe, content, all"),
        ({}, "write one of"),
        (["safe"], "write one of"),
        ("{", "it is no JSON"),
        ('{"a": "all", "a": "none"}', "twice"),
        ('{"a":' * 100_000, "nested"),
        ({"temperature": "some"}, '"temperature" allows'),
        ({"temperature": {"max": 1}}, '"temperature" allows'),
        ({"temperature": {"low": True}}, '"temperature" allows'),
        ({"temperature": {}}, '"temperature" allows'),
        ({"temperature": {"low": float("nan")}}, '"temperature" allows'),
        ({"temperature": {"low": 2, "high": 1}}, "low above its high"),
        ({"*": {"low": 0}}, "write a level for it"),
        ({"**.name": "none"}, "no path for a policy"),
        ({"messages[0]": "none"}, "no path for a policy"),
        ({".": "none"}, "no path for a policy"),
        ({"a..b": "none"}, "not understood"),
        ({1: "none"}, "no path"),
        ({"maxTokens": "none", "max_tokens": "all"}, "are one path"),
        ({f"field_{number}": "none" for number in range(1000)}, "characters"),
    ],
)
def test_what_is_no_policy_is_said_in_one_sentence(document: Any, words: str) -> None:
    """The sentence names what is wrong and what would be right."""
    with pytest.raises(ValueError, match=re.escape(words)):
        parse_policy(document)
