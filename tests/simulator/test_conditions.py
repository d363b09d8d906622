"""Conditions in the catalogue's format hold exactly when its description says so."""

from __future__ import annotations

import importlib.resources
from typing import Any

import pytest
import yaml

from arc_simulator.conditions import compile_condition
from arc_simulator.errors import RuleError

REQUEST: Any = {
    "model": "gpt-4o",
    "stream": True,
    "n": 1,
    "user": None,
    "stop": ["a", "b"],
    "max_tokens": 100,
    "budget": 80,
    "messages": [
        {"role": "system", "content": "abcdefgh"},
        {"role": "user", "content": [{"type": "text", "text": "JSON please"}], "name": "x"},
    ],
    "tools": [
        {"strict": False, "parameters": {"type": "object", "properties": {"a": {}}}},
        {"strict": True, "parameters": {"type": "object", "properties": {}, "deep": {"k": 1}}},
    ],
}


def leaf(path: str, op: str, value: Any = ..., **more: Any) -> dict[str, Any]:
    return {"path": path, "op": op, **({} if value is ... else {"value": value}), **more}


HOLDS = [
    leaf("model", "eq", "gpt-4o"),
    leaf("missing", "ne", 1),
    leaf("missing", "not_in", [1]),
    leaf("n", "in", [1, 2]),
    leaf("max_tokens", "gte", 100),
    leaf("model", "lt", "gpt-5"),
    leaf("messages[*].role", "eq", "user"),
    leaf("messages[-1].role", "eq", "user"),
    leaf("messages[0].content", "len_eq", 8),
    leaf("messages[0].content", "bytes_lte", 8),
    leaf("messages[0].content", "tokens_eq", 2),
    leaf("stop", "count_gt", 1),
    leaf("messages[*].content", "regex", "(?i)json"),
    leaf("messages[*].content", "not_regex", "json"),
    leaf("messages[*].content", "not_regex", "nothing", quant="all"),
    leaf("user", "exists"),
    leaf("user", "type", "null"),
    leaf("missing", "absent"),
    leaf("messages[*].name", "absent"),
    leaf("**.k", "exists"),
    leaf("budget", "lt", value_from="max_tokens"),
    leaf("max_tokens", "gt", value_from="budget", factor=1.2),
    leaf("tokens(messages[0].content)", "eq", 2),
    leaf("tokens(messages[0].content) + max_tokens", "eq", 102),
    leaf("max_tokens-count(stop)", "eq", 98),
    leaf("count(messages[*].role)", "eq", 2),
    leaf(
        "messages[*]",
        "item_matches",
        where={"all": [leaf("role", "eq", "user"), leaf("name", "exists")]},
    ),
    leaf("stop[*]", "item_matches", where=leaf(".", "eq", "b")),
    leaf("tools[*].parameters", "predicate", name="schema_node_without_type"),
    leaf("messages", "predicate", name="unknown_message_keys", allowed=["role", "content"]),
    {"all": []},
    {"any": [leaf("n", "eq", 2), leaf("n", "eq", 1)]},
    {"not": leaf("n", "eq", 2)},
]

DOES_NOT_HOLD = [
    leaf("stream", "eq", 1),
    leaf("n", "eq", True),
    leaf("missing", "eq", None),
    leaf("missing", "ne", 1, if_exists=True),
    leaf("missing", "lt", 1),
    leaf("user", "lt", 1),
    leaf("stream", "gte", 0),
    leaf("model", "gt", 1),
    leaf("messages[2].role", "exists"),
    leaf("messages[*].role", "eq", "user", quant="all"),
    leaf("missing[*]", "eq", 1, quant="all"),
    leaf("messages[*].role", "absent"),
    leaf("user", "absent"),
    leaf("n", "type", "boolean"),
    leaf("stream", "type", "number"),
    leaf("tokens(messages) + missing", "gt", 0),
    leaf("tokens(messages) + model", "gt", 0),
    leaf("budget", "gt", value_from="missing"),
    leaf("model", "count_gt", 0),
    leaf(
        "tools[*].parameters",
        "predicate",
        name="schema_node_without_type",
        if_path="tools[*].strict",
        if_value=True,
    ),
    leaf(
        "tools[*].parameters",
        "predicate",
        name="schema_node_without_type",
        unless_path="tools[*].strict",
        unless_value=False,
    ),
    {"any": []},
    {"all": [leaf("n", "eq", 1), leaf("n", "eq", 2)]},
]


@pytest.mark.parametrize("match", HOLDS, ids=str)
def test_condition_holds(match: Any) -> None:
    """The request meets the condition."""
    assert compile_condition(match)(REQUEST)


@pytest.mark.parametrize("match", DOES_NOT_HOLD, ids=str)
def test_condition_does_not_hold(match: Any) -> None:
    """The request does not meet the condition."""
    assert not compile_condition(match)(REQUEST)


@pytest.mark.parametrize(
    ("match", "problem"),
    [
        ([], "not a mapping"),
        ({"some": []}, "expected one of all, any, not"),
        ({"all": [], "any": []}, "expected one of all, any, not"),
        ({"op": "eq", "value": 1}, "has no path"),
        (leaf("a", "like", 1), "unknown op 'like'"),
        (leaf("a", "eq"), "either value or value_from"),
        (leaf("a", "eq", 1, value_from="b"), "either value or value_from"),
        (leaf("a", "eq", 1, quantity="all"), "does not take quantity"),
        (leaf("a", "exists", True), "does not take value"),
        (leaf("a", "regex", "("), "not a value for op 'regex'"),
        (leaf("a", "in", "abc"), "not a value for op 'in'"),
        (leaf("a", "type", "integer"), "not a value for op 'type'"),
        (leaf("a[", "exists"), "is not a path"),
        (leaf("", "exists"), "is not a path"),
        (leaf("square(a)", "gt", 1), "is not a path"),
        (leaf("a", "predicate", name="odd"), "unknown predicate 'odd'"),
        (leaf("a", "predicate", name="assistant_without_key"), "'key'"),
        (leaf("a", "predicate", name="orphan_tool_result", of="x"), "'of'"),
        (leaf("a", "item_matches"), "not a mapping"),
    ],
)
def test_bad_condition_is_refused_in_a_sentence(match: Any, problem: str) -> None:
    """A condition that cannot be evaluated is refused where it is written, not where it fails."""
    with pytest.raises(RuleError, match=problem):
        compile_condition(match)


def test_conditions_of_other_providers_can_be_evaluated() -> None:
    """Whatever the catalogue says with operators alone is understood; nothing holds on nothing."""
    text = (importlib.resources.files("arc_simulator") / "catalogue.yaml").read_text("utf-8")
    matches = [case["condition"]["match"] for case in yaml.safe_load(text)["cases"]]
    plain = [match for match in matches if "predicate" not in str(match)]
    assert len(plain) > 100
    for match in plain:
        assert compile_condition(match)({}) in (True, False)
