"""Cures proposed for the error bodies of the failure catalogue, judged by its own conditions."""

from __future__ import annotations

import hashlib
from typing import Any, Dict, List

import pytest

from arc_protocol.cures import ErrorFacts, propose
from arc_protocol.patterns.fixes import compile_fix
from arc_simulator.conditions import compile_condition
from protocol.catalogue_ops import OPS, apply
from protocol.catalogue_requests import expanded, preventive_cases

CASES = {case["id"]: case for case in preventive_cases() if case["outcome"]["kind"] == "error"}
HALVES = {
    "developed on": {k for k in CASES if hashlib.sha256(k.encode()).hexdigest()[0] < "8"},
    "unseen": {k for k in CASES if hashlib.sha256(k.encode()).hexdigest()[0] >= "8"},
}


def cured(case: Dict[str, Any]) -> bool:
    """Tell whether the first cure is the catalogue's, or makes a request that no longer fails."""
    request = expanded(case["trigger"]["params"])
    outcome = case["outcome"]
    status = outcome.get("http_status")
    text = f"Error code: {status} - {outcome.get('body')!r}"  # as the SDKs write it
    operation = case["endpoint"].split(".")[1]
    cures = propose(ErrorFacts(status, message=text), request, case["provider"], operation)
    if not cures:
        return False
    fixed, _ = compile_fix(cures[0].fix, "fix").apply(request, {})
    fails = compile_condition(case["condition"]["match"])
    if fails(request) and not fails(fixed):
        return True
    known = all(op["op"] in OPS for op in case["fix"]["ops"])
    return known and bool(fixed == apply(case["fix"]["ops"], request))


@pytest.mark.parametrize(("half", "at_least"), [("developed on", 47), ("unseen", 46)])
def test_most_errors_of_the_catalogue_name_their_cure(half: str, at_least: int) -> None:
    """As many of the documented errors as ever before get a first cure that works."""
    good: List[str] = [name for name in sorted(HALVES[half]) if cured(CASES[name])]
    # Only numbers: which cases of the unseen half fail must not guide the rules.
    assert len(good) >= at_least, f"{len(good)} of {len(HALVES[half])}"
