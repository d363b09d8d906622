"""The failure catalogue, expressed in the pattern language and compared case by case."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any, Dict

import pytest

import arc_protocol
from arc_protocol.patterns import Decision, Origin, Pattern, PatternSet
from protocol.catalogue_ops import apply
from protocol.catalogue_requests import expanded, preventive_cases

CASES = {case["id"]: case for case in preventive_cases()}
VECTORS = Path(arc_protocol.__file__).parent / "vectors"
ENTRIES = json.loads((VECTORS / "catalogue.json").read_text("utf-8"))
COVERAGE = Path(__file__).parents[2] / "docs" / "catalogue-coverage.md"


def pattern_of(entry: Dict[str, Any]) -> Pattern:
    document = {key: value for key, value in entry.items() if key != "id"}
    return Pattern.parse({**document, "name": entry["id"]}, origin=Origin.PUSHED)


def decide(entry: Dict[str, Any], request: Dict[str, Any]) -> Decision | None:
    patterns = PatternSet([pattern_of(entry)])
    return patterns.decide(entry["provider"], entry["operation"], request)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["id"])
def test_case_is_prevented_as_the_catalogue_says(entry: Dict[str, Any]) -> None:
    """A trigger is matched and fixed as the catalogue says; the fixed request is left alone."""
    case = CASES[entry["id"]]
    trigger = expanded(case["trigger"]["params"])
    untouched = copy.deepcopy(trigger)
    decision = decide(entry, trigger)
    assert decision is not None
    assert [pattern.name for pattern in decision.applied] == [entry["id"]], decision.errors
    assert decision.body == apply(case["fix"]["ops"], trigger)
    assert json.dumps(trigger) == json.dumps(untouched)
    assert decide(entry, dict(decision.body)) is None


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["id"])
def test_fix_changes_nothing_the_second_time(entry: Dict[str, Any]) -> None:
    """The fix alone, applied to its own result, has nothing left to do."""
    always = {**entry, "pattern": {"**": {"exists": True}}}
    decision = decide(always, expanded(CASES[entry["id"]]["trigger"]["params"]))
    assert decision is not None
    again = decide(always, dict(decision.body))
    assert again is not None
    assert again.applied == ()
    assert again.errors == ()


def test_all_patterns_together_leave_no_known_failure() -> None:
    """With the whole catalogue in force, every trigger ends as a request that nothing matches."""
    patterns = PatternSet(map(pattern_of, ENTRIES))
    for entry in ENTRIES:
        trigger = expanded(CASES[entry["id"]]["trigger"]["params"])
        decision = patterns.decide(entry["provider"], entry["operation"], trigger)
        assert decision is not None, entry["id"]
        assert (decision.skipped, decision.errors) == ((), ()), entry["id"]
        assert patterns.decide(entry["provider"], entry["operation"], decision.body) is None


def test_every_preventive_case_is_expressed_or_listed_with_the_reason() -> None:
    """Each case is either shipped as a pattern or in the table of what cannot be expressed."""
    expressed = [entry["id"] for entry in ENTRIES]
    listed = re.findall(r"^\| `([a-z0-9-]+)` \|", COVERAGE.read_text("utf-8"), re.MULTILINE)
    assert sorted(expressed + listed) == sorted(CASES)
