"""Policy: what each level lets pushed patterns change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict

import pytest

import arc_protocol
from arc_protocol.patterns import Pattern
from arc_protocol.patterns.fixes import operations
from arc_protocol.patterns.policy import POLICIES, refusal

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
