"""Requests that hold more than JSON: nothing of it is used, and nothing is raised."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest
from openai._types import NOT_GIVEN
from openai.types.chat import ChatCompletionMessage

import arc_protocol
from arc_protocol.patterns import Pattern, PatternSet

VECTORS = Path(arc_protocol.__file__).parent / "vectors"


class Untouchable:
    """An object that fails whatever is asked of it."""

    def _fail(self, *arguments: Any) -> Any:
        raise AssertionError("a foreign object was used")

    __getattr__ = __eq__ = __ne__ = __lt__ = __gt__ = __hash__ = _fail
    __iter__ = __len__ = __bool__ = __call__ = __getitem__ = __contains__ = _fail
    __str__ = __repr__ = __float__ = __int__ = __index__ = _fail


def foreign_values() -> List[Any]:
    """Return one of each kind; fresh ones, because some could be used up."""
    cyclic: List[Any] = []
    cyclic.append(cyclic)
    deep: Any = "x"
    for _ in range(5_000):
        deep = [deep]
    return [
        Untouchable(),
        NOT_GIVEN,
        ChatCompletionMessage(role="assistant", content="x"),
        iter([1, 2]),
        (number for number in range(3)),
        b"bytes",
        {1, 2},
        float("nan"),
        float("inf"),
        "\ud800 lone surrogate",
        10**400,
        cyclic,
        deep,
        {"self": cyclic},
        object,
    ]


def every_pattern() -> PatternSet:
    """Return all shipped patterns and one for each vector, without provider and operation."""
    documents = [
        {"pattern": entry["pattern"], "fix": entry["fix"]}
        for entry in json.loads((VECTORS / "catalogue.json").read_text("utf-8"))
    ]
    documents += [
        {"pattern": vector["pattern"], "fix": {"marked": True}}
        for vector in json.loads((VECTORS / "conditions.json").read_text("utf-8"))
    ]
    documents += [
        {"pattern": {"probe": {"exists": True}}, "fix": vector["fix"]}
        for vector in json.loads((VECTORS / "fixes.json").read_text("utf-8"))
    ]
    return PatternSet(map(Pattern.parse, documents))


EVERYTHING = every_pattern()

KEYS = [
    "model",
    "n",
    "m",
    "a",
    "b",
    "c",
    "t",
    "s",
    "v",
    "i",
    "e",
    "p",
    "tools",
    "messages",
    "contents",
    "input",
    "temperature",
    "max_tokens",
    "stop",
    "tool_choice",
    "response_format",
    "system",
    "thinking",
    "config",
    "modelId",
    "toolConfig",
    "value",
    "stream",
]

KINDS = range(len(foreign_values()))


@pytest.mark.parametrize("kind", KINDS)
def test_foreign_fields_break_nothing(kind: int) -> None:
    """Whatever stands at a field, a decision is made and nothing is raised."""
    for key in KEYS:
        request = {"probe": 1, "model": "gpt-5", "temperature": 0.2, key: foreign_values()[kind]}
        decision = EVERYTHING.decide("openai", "chat", request)
        assert decision is not None
        assert decision.matched


@pytest.mark.parametrize("kind", KINDS)
def test_foreign_values_inside_messages_break_nothing(kind: int) -> None:
    """The same inside messages, contents, blocks and tools."""
    value = foreign_values()[kind]
    places: List[Any] = [
        [value],
        [{"role": "user", "content": value}, {"role": "user", "content": "x"}],
        [{"role": "assistant", "content": [value]}, {"role": "tool", "content": "x"}],
        [{"role": value, "content": "x", "tool_calls": [value]}],
        [{"role": "user", "parts": [{"text": value}, {"functionCall": value}]}],
        [{"type": "function", "function": {"name": value, "parameters": value}}],
        [{"type": "function", "name": "f", "parameters": {"properties": {"x": value}}}],
    ]
    for place in places:
        for key in ("messages", "contents", "input", "tools", "m", "v", "t", "a"):
            decision = EVERYTHING.decide("openai", "chat", {"probe": 1, key: place})
            assert decision is not None


def test_iterators_are_not_used_up() -> None:
    """An iterator in a request still gives all it has after the decision."""
    numbers = iter([1, 2, 3])
    request: Dict[str, Any] = {"probe": 1, "input": numbers, "tools": [numbers]}
    assert EVERYTHING.decide("openai", "chat", request) is not None
    assert list(numbers) == [1, 2, 3]


def test_an_object_that_is_not_given_counts_as_no_value() -> None:
    """A mark of the SDK is neither equal nor unequal to anything, and never above a threshold."""
    conditions: List[Any] = [1, {"!=": 1}, {"not_in": [1]}, {"not": {"type": "string"}}]
    patterns = PatternSet(
        Pattern.parse(pattern={"temperature": one}, fix={"temperature": None}) for one in conditions
    )
    assert patterns.decide("openai", "chat", {"temperature": NOT_GIVEN}) is None


@pytest.mark.parametrize(
    "messages",
    [
        [
            ChatCompletionMessage(role="assistant", content=None),
            {"role": "tool", "tool_call_id": "c"},
        ],
        [{"role": "assistant", "content": iter(())}, {"role": "assistant", "content": "x"}],
        [{"role": "user", "content": [object()]}, {"role": "user", "content": "x"}],
    ],
    ids=["message", "content", "block"],
)
def test_a_conversation_that_cannot_be_read_is_an_error_and_stays(messages: List[Any]) -> None:
    """Nothing is repaired by guessing what an object in the conversation may be."""
    patterns = PatternSet(
        [
            Pattern.parse(pattern={"messages": {"is": "orphan_tool_result"}}, fix={"x": 1}),
            Pattern.parse(pattern={"probe": 1}, fix={"messages": {"repair": "tool_pairs"}}),
        ]
    )
    request = {"probe": 1, "messages": messages}
    decision = patterns.decide("openai", "chat", request)
    assert decision is not None
    assert decision.applied == ()
    assert len(decision.errors) == 2
    assert decision.body is request


def test_messages_are_not_joined_when_a_content_would_be_lost() -> None:
    """A content that cannot be read cannot be joined; the request stays."""
    fix = {"messages": {"repair": "consecutive_roles"}}
    patterns = PatternSet([Pattern.parse(pattern={"probe": 1}, fix=fix)])
    messages = [{"role": "user", "content": iter([1])}, {"role": "user", "content": "y"}]
    request = {"probe": 1, "messages": messages}
    decision = patterns.decide("openai", "chat", request)
    assert decision is not None
    assert [reason for _, reason in decision.errors] == [
        "a content that is a list_iterator cannot be looked into"
    ]
    assert decision.body is request


class Lazy(Dict[str, Any]):
    """A mapping whose views are made when asked for, as some clients have them."""

    def __iter__(self) -> Iterator[str]:
        return iter(list(super().keys()))


def test_a_subclass_of_dict_is_fixed_like_a_dict() -> None:
    """The fixed request is a plain dict; the given one is not touched."""
    request = Lazy(a=1, b={"c": 1})
    patterns = PatternSet([Pattern.parse(pattern={"a": 1}, fix={"b.c": 2})])
    decision = patterns.decide(None, None, request)
    assert decision is not None
    assert decision.body == {"a": 1, "b": {"c": 2}}
    assert request == {"a": 1, "b": {"c": 1}}
