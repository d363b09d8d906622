"""The language-neutral vectors: every implementation of the pattern language must agree."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any, Dict, List, Set

import pytest

import arc_protocol
from arc_protocol.errors import PatternError
from arc_protocol.patterns import Origin, Pattern, PatternSet
from arc_protocol.patterns.fixes import operations
from arc_protocol.patterns.operators import OPERATORS
from arc_protocol.patterns.repairs import REPAIRS
from arc_protocol.patterns.structure import STRUCTURAL_TESTS

VECTORS = Path(arc_protocol.__file__).parent / "vectors"
ALWAYS = {"**": {"exists": True}}


def load(name: str) -> List[Dict[str, Any]]:
    vectors: List[Dict[str, Any]] = json.loads((VECTORS / name).read_text("utf-8"))
    return vectors


def each(name: str) -> Any:
    return pytest.mark.parametrize("vector", load(name), ids=lambda one: one["description"])


def keys(value: Any) -> Set[str]:
    """Return all keys and texts in a document."""
    if isinstance(value, dict):
        return set(value).union(*map(keys, value.values()))
    if isinstance(value, list):
        return set().union(*map(keys, value))
    return {value} if isinstance(value, str) else set()


@each("conditions.json")
def test_condition(vector: Dict[str, Any]) -> None:
    """A condition matches, does not match, or cannot be evaluated, as the vector says."""
    pattern = Pattern.parse({"pattern": vector["pattern"], "fix": {"marked": True}})
    decision = PatternSet([pattern]).decide("openai", "chat", vector["request"])
    if vector["matches"] == "error":
        assert decision is not None
        assert [one for one, _ in decision.errors] == [pattern]
        assert decision.matched == ()
        assert decision.body is vector["request"]
    else:
        assert (decision is not None) == vector["matches"]
        assert decision is None or decision.body == {**vector["request"], "marked": True}


@each("fixes.json")
def test_fix(vector: Dict[str, Any]) -> None:
    """A fix gives the fixed request, leaves the given one alone, and does nothing twice."""
    patterns = PatternSet([Pattern.parse({"pattern": ALWAYS, "fix": vector["fix"]})])
    request = copy.deepcopy(vector["request"])
    decision = patterns.decide("openai", "chat", request)
    assert decision is not None
    assert decision.errors == ()
    assert json.dumps(decision.body, sort_keys=True) == json.dumps(vector["fixed"], sort_keys=True)
    assert request == vector["request"]
    assert bool(decision.applied) == (vector["fixed"] != vector["request"])
    assert (decision.body is request) == (not decision.applied)
    again = patterns.decide("openai", "chat", decision.body)
    assert again is not None
    assert again.body is decision.body


@each("precedence.json")
def test_precedence(vector: Dict[str, Any]) -> None:
    """Several patterns apply in the order of precedence, and conflicts go to the higher one."""
    patterns = PatternSet(
        Pattern.parse(
            {key: value for key, value in document.items() if key != "origin"},
            origin=Origin[document["origin"].upper()],
        )
        for document in vector["patterns"]
    )
    decision = patterns.decide("openai", "chat", vector["request"])
    if decision is None:
        assert vector["matched"] == vector["errors"] == []
        return
    assert decision.body == vector["fixed"]
    assert [one.name for one in decision.applied] == vector["applied"]
    assert [one.name for one in decision.matched] == vector["matched"]
    assert [one.name for one, _ in decision.skipped] == vector["skipped"]
    assert [one.name for one, _ in decision.errors] == vector["errors"]


@each("refusals.json")
def test_refusal(vector: Dict[str, Any]) -> None:
    """What is no pattern is refused with words that name the field, the value and the cure."""
    with pytest.raises(PatternError) as refused:
        Pattern.parse(vector["document"])
    for part in vector["message"]:
        assert part in str(refused.value)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 1000


def test_every_operator_test_operation_and_repair_has_a_vector() -> None:
    """Nothing is in the language without a vector that shows what it does."""
    asked = keys([vector["pattern"] for vector in load("conditions.json")])
    done = keys([vector["fix"] for vector in load("fixes.json")])
    assert OPERATORS.keys() | STRUCTURAL_TESTS.keys() <= asked
    assert operations().keys() | REPAIRS.keys() <= done
