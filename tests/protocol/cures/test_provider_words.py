"""What errors of many servers say, and what becomes of the request by the first cure.

`provider_words.json` has texts as the servers write them, about models and tools that are nobody's.
Many say the same thing: what a reader of errors knows must not hang on the words of one provider.
`has` is what the request has beside model and messages, `becomes` what the fix makes of it (null:
gone), `fix_has` a word of the fix.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any, Dict

import pytest

from arc_protocol.cures import ErrorFacts, propose
from arc_protocol.patterns.fixes import compile_fix

Case = Dict[str, Any]

GROUPS = json.loads(Path(__file__).with_name("provider_words.json").read_text(encoding="utf-8"))
SILENT = GROUPS.pop("nothing")
CASES = [
    pytest.param(case, id=f"{group}: {case['words'][:50]}")
    for group, cases in GROUPS.items()
    for case in cases
]


def request_of(case: Case) -> Dict[str, Any]:
    usual = {"model": "vega-2", "messages": [{"role": "user", "content": "How far is it?"}]}
    whole = {**usual, **copy.deepcopy(case["has"])}
    return whole if whole["messages"] is not None else {**whole, "messages": []}


@pytest.mark.parametrize("case", CASES)
def test_the_first_cure_does_what_the_words_ask(case: Case) -> None:
    """The first proposal changes what must change, and nothing else."""
    request = request_of(case)
    cures = propose(ErrorFacts(400, message=case["words"]), request, "vega", "chat")
    assert cures, "nothing is proposed"
    if "fix_has" in case:
        assert case["fix_has"] in json.dumps(cures[0].fix)
        return
    fixed, _ = compile_fix(cures[0].fix, "fix").apply(request, {})
    becomes = {**request_of(case), **case["becomes"]}
    gone = [name for name, value in case["becomes"].items() if value is None]
    assert fixed == {name: value for name, value in becomes.items() if name not in gone}


@pytest.mark.parametrize("case", [pytest.param(one, id=one["words"][:60]) for one in SILENT])
def test_words_about_something_else_lead_to_nothing(case: Case) -> None:
    """What the request cannot do anything about is left alone."""
    error = ErrorFacts(400, message=case["words"])
    assert [cure.fix for cure in propose(error, request_of(case), "vega", "chat")] == []
