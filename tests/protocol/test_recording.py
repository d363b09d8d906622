"""Recorded requests: what patterns find in them, and what is not in them."""

from __future__ import annotations

import json
from typing import Any, Dict

import pytest

from arc_protocol.patterns import PatternSet
from arc_protocol.recording import record, restore
from protocol.catalogue_requests import expanded
from protocol.test_catalogue import CASES, ENTRIES, pattern_of

READS_WORDS = {
    "anthropic-final-assistant-trailing-whitespace",
    "anthropic-image-media-type-mismatch",
    "anthropic-tool-schema-not-draft-2020-12",
}
"""Cases whose condition is about the very characters of a text."""

LOOKS_FOR_A_WORD = "openai-chat-json-mode-without-word-json"
"""Its word is in what the application wrote, which stays at home."""

SETS = {entry["id"]: PatternSet([pattern_of(entry)]) for entry in ENTRIES}


def recorded(request: Dict[str, Any]) -> Any:
    """Return what a pattern is asked about after a request went over the wire."""
    return restore(json.loads(json.dumps(record(request))))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["id"])
def test_patterns_find_in_a_recorded_request_what_is_in_the_request(entry: Dict[str, Any]) -> None:
    """Every pattern of the catalogue, asked about every trigger, answers the same about both."""
    request = expanded(CASES[entry["id"]]["trigger"]["params"])
    without_words = recorded(request)
    for other in ENTRIES:
        scope = other["provider"], other["operation"]
        if scope != (entry["provider"], entry["operation"]):
            continue
        decisions = [SETS[other["id"]].decide(*scope, each) for each in (request, without_words)]
        expected, found = (bool(each and each.matched) for each in decisions)
        if entry["id"] == other["id"] and entry["id"] in READS_WORDS:
            assert (expected, found) == (True, False)
        else:
            assert found == expected, other["id"]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["id"])
def test_a_recorded_request_in_order_is_seen_to_be_so(entry: Dict[str, Any]) -> None:
    """What a pattern has put right is none of its business, recorded or not."""
    request = expanded(CASES[entry["id"]]["trigger"]["params"])
    scope = entry["provider"], entry["operation"]
    decision = SETS[entry["id"]].decide(*scope, request)
    assert decision
    for fixed in (decision.body, recorded(decision.body)):
        again = SETS[entry["id"]].decide(*scope, fixed)
        hidden = entry["id"] == LOOKS_FOR_A_WORD and fixed is not decision.body
        assert bool(again and again.matched) == hidden


def test_names_of_required_properties_stay_readable() -> None:
    """A complete schema must not look incomplete; a name that is none may be somebody's words."""
    schema = {"properties": {"city": {}, "required": {}}, "required": ["city", "secret", 1]}
    tools = [{"type": "function", "function": {"name": "find", "parameters": schema}}]
    kept = record({"tools": tools})["tools"][0]["function"]["parameters"]
    assert kept["properties"] == schema["properties"]
    city, secret, number = kept["required"]
    assert (city, number) == ("city", 1)
    assert "secret" not in secret


def test_nothing_that_people_wrote_is_recorded() -> None:
    """Words of messages, tools, arguments and users stay at home, wherever they stand."""
    request = {
        "model": "gpt-4.1",
        "temperature": 0.5,
        "user": "secret-1",
        "metadata": {"ticket": "secret-2"},
        "unknown": "a long text that no setting would have, so that it may be a secret-3 as well",
        "messages": [
            {"role": "user", "content": "secret-4"},
            {"role": "user", "content": [{"type": "text", "text": "secret-5"}]},
            {
                "role": "assistant",
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "find", "arguments": '{"who": "secret-6"}'},
                    },
                    {"id": "call_2", "function": {"name": "find", "arguments": "secret-7"}},
                ],
            },
        ],
        "tools": [{"type": "function", "function": {"name": "find", "description": "secret-8"}}],
    }
    text = json.dumps(record(request))
    assert "secret" not in text
    kept = json.loads(text)
    assert (kept["model"], kept["temperature"]) == ("gpt-4.1", 0.5)
    assert kept["messages"][0]["role"] == "user"
    assert kept["messages"][2]["tool_calls"][0]["id"] == "call_1"
    assert kept["messages"][2]["tool_calls"][0]["function"]["name"] == "find"
    assert list(kept["metadata"]) == ["ticket"]


def test_a_text_that_stays_at_home_keeps_its_length_and_what_it_equals() -> None:
    """Limits and repetitions can still be seen."""
    texts = ["again and again", "again and again", "something else "]
    first, second, third = recorded({"input": texts})["input"]
    assert first == second
    assert first != third
    assert [len(each) for each in (first, second, third)] == [15, 15, 15]


def test_arguments_stay_json_or_stay_broken() -> None:
    """Tool arguments that no program could read are still seen to be so."""
    messages = recorded({"messages": [{"arguments": '{"a": [1, "b"]}'}, {"arguments": '{"a": '}]})
    whole, broken = (each["arguments"] for each in messages["messages"])
    assert json.loads(whole) == {"a": [1, ""]}
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(broken)
