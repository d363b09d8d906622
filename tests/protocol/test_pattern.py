"""Parsing patterns: names, fields, copies, and documents that must be refused."""

from __future__ import annotations

from enum import Enum
from typing import Any, Dict, Iterator, Mapping

import pytest

from arc_protocol.errors import ArcError, PatternError
from arc_protocol.patterns import Origin, Pattern, PatternSet

DOCUMENT: Dict[str, Any] = {
    "name": "hot",
    "provider": "openai",
    "operation": "chat",
    "pattern": {"model": "gpt-4.1", "temperature": {">": 0.9}},
    "fix": {"temperature": 0.7},
    "rationale": "Hot replies stray.",
}


def test_a_pattern_shows_what_it_was_parsed_from() -> None:
    """Every field of the document can be read back, and the whole document as well."""
    pattern = Pattern.parse(DOCUMENT, origin=Origin.PUSHED, revision=3)
    assert (pattern.name, pattern.provider, pattern.operation) == ("hot", "openai", "chat")
    assert (pattern.origin, pattern.revision) == (Origin.PUSHED, 3)
    assert pattern.condition == DOCUMENT["pattern"]
    assert pattern.fix == DOCUMENT["fix"]
    assert pattern.rationale == "Hot replies stray."
    assert pattern.to_json() == DOCUMENT


def test_fields_may_be_given_as_keywords() -> None:
    """The keyword form means the same as the document; None means not given."""
    pattern = Pattern.parse(pattern=DOCUMENT["pattern"], fix=DOCUMENT["fix"], provider=None)
    assert pattern.provider is None
    assert pattern.condition == DOCUMENT["pattern"]


def test_a_document_and_fields_together_are_refused() -> None:
    """It would not be clear which of the two counts."""
    with pytest.raises(PatternError, match="not as both"):
        Pattern.parse(DOCUMENT, name="other")


def test_a_pattern_without_a_name_is_named_after_its_content() -> None:
    """The name is readable, the same every time, and differs for another content."""
    one = Pattern.parse(pattern={"a": 1}, fix={"b": 2})
    assert one.name.startswith("local-")
    assert one.name == Pattern.parse({"fix": {"b": 2}, "pattern": {"a": 1}}).name
    assert one.name != Pattern.parse(pattern={"a": 1}, fix={"b": 3}).name
    assert Pattern.parse(one.to_json()).name == one.name
    assert Pattern.parse(pattern={"a": 1}, fix={"b": 2}, origin=Origin.BUILT_IN).name.startswith(
        "built-in-"
    )


def test_a_pattern_cannot_be_changed() -> None:
    """Neither its attributes nor the documents that it gives out lead back into it."""
    document = {"pattern": {"a": {"in": [1]}}, "fix": {"b": {"set": {"c": [1]}}}}
    pattern = Pattern.parse(document)
    with pytest.raises(AttributeError, match="immutable"):
        pattern.name = "other"
    document["pattern"]["a"]["in"].append(2)
    pattern.condition["a"]["in"].append(3)
    pattern.fix["b"]["set"]["c"].append(2)
    pattern.to_json()["pattern"].clear()
    assert pattern.condition == {"a": {"in": [1]}}
    assert pattern.fix == {"b": {"set": {"c": [1]}}}


def test_a_refusal_is_an_arc_error_and_a_value_error() -> None:
    """Both kinds of callers catch it."""
    with pytest.raises(ArcError):
        Pattern.parse({"pattern": {"a": 1}})
    with pytest.raises(ValueError, match='lacks the field "fix"'):
        Pattern.parse({"pattern": {"a": 1}})


def test_values_of_python_become_json() -> None:
    """Tuples become lists, and enumerations of texts become texts."""

    class Model(str, Enum):
        SMALL = "small"

    pattern = Pattern.parse(pattern={"model": {"in": (Model.SMALL,)}}, fix={"a": 1})
    assert pattern.to_json()["pattern"] == {"model": {"in": ["small"]}}
    assert type(pattern.condition["model"]["in"][0]) is str


class Endless(Mapping[str, int]):
    """A mapping that never ends."""

    def __getitem__(self, key: str) -> int:
        return 1

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[str]:
        number = 0
        while True:
            number += 1
            yield str(number)


def cyclic() -> Dict[str, Any]:
    document: Dict[str, Any] = {"a": 1}
    document["not"] = document
    return document


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        (cyclic(), "contains itself"),
        ({"a": nested(100_000)}, "nested deeper"),
        ({"a": {"in": [0] * 1_000_000}}, "more than 5000"),
        ({"a": "x" * 10_000_000}, "10000000 characters"),
        ({"a": {"==": Endless()}}, "more than 5000"),
        ({"a": float("nan")}, "nan"),
        ({"a": float("inf")}, "inf"),
        ({"a": {1, 2}}, "set"),
        ({"a": object()}, "object"),
        ({"a": b"x"}, "bytes"),
        ({"a": iter([1])}, "list_iterator"),
        ({1: "a"}, "keys must be strings"),
        ({"a": {"matches": "(" * 900}}, "RE2"),
        ({"a": {"matches": "\ud800"}}, "RE2"),
        ({"model": {"matches": "(a|a)*" * 100}, "b" * 600: 1}, "600 characters"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_json_or_too_much_is_refused_at_once(condition: Any, says: str) -> None:
    """No document crashes, hangs or exhausts the process; the message says what is wrong."""
    with pytest.raises(PatternError, match=says):
        Pattern.parse(pattern=condition, fix={"a": 1})


def test_a_regular_expression_takes_linear_time() -> None:
    """An expression that would take a backtracking engine longer than a life is harmless."""
    patterns = PatternSet([Pattern.parse(pattern={"t": {"matches": "^(a+)+$"}}, fix={"x": 1})])
    assert patterns.decide(None, None, {"t": "a" * 100_000 + "b"}) is None
