"""Fixes that are known before any comparison: from the errors' words, and from documentation."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from arc_core.learning.examples import Cures, Rows, Sample, members
from arc_core.learning.guards import guards
from arc_core.learning.known import documented
from arc_core.learning.literals import WHO, Form, Literal
from arc_core.learning.structures import answers
from arc_protocol.patterns.fixes import compile_fix
from arc_protocol.patterns.limits import plain_json

_ASKED = 24
"""Failing calls whose errors are read; those that failed alike say alike things."""
_HOLDS = 0.8
"""Share of the calls that a guard must hold of."""
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]{2,}")


@dataclass(frozen=True, slots=True)
class Idea:
    """A fix that may help, and the questions that it brings along."""

    fix: dict[str, Any]
    source: str
    """error, documentation."""
    strong: bool
    because: str
    given: tuple[Literal, ...]


def blamed(sample: Sample) -> frozenset[str]:
    """Return the words of the errors, as far as they may be names of parameters."""
    names: set[str] = set()
    for example in sample.failing[:_ASKED]:
        error = example.error
        if error is not None:
            for text in (error.param or "", error.message[:2000]):
                names.update(_WORD.findall(text))
    return frozenset(names - {"model", "messages", "input", "role", "content", "type", "name"})


def blames_model(sample: Sample) -> bool:
    """Tell whether the errors say that it is a matter of the model."""
    for example in sample.failing[:_ASKED]:
        message = example.error.message if example.error else ""
        if re.search(r"\b(?:this|the|these|that) models?\b", message, re.IGNORECASE):
            return True
        model = example.request.get("model") or example.request.get("modelId")
        if isinstance(model, str) and len(model) > 2 and model in message:
            return True
    return False


def from_errors(
    sample: Sample, rows: Rows, provider: str, operation: str, cures: Cures
) -> list[Idea]:
    """Return what the errors of some failing calls suggest, strong and frequent ideas first."""
    texts: Counter[str] = Counter()
    best: dict[str, tuple[bool, str]] = {}
    asked = members(rows)[:_ASKED]
    for row in asked:
        example = sample.failing[row]
        if example.error is None:
            continue
        for place, cure in enumerate(cures(example.error, example.request, provider, operation)):
            text = json.dumps(cure.fix)
            texts[text] += 100 - place
            best.setdefault(text, (cure.confidence == "strong", cure.because))
    found = []
    ordered = sorted(texts, key=lambda text: (not best[text][0], -texts[text]))[:8]
    fixes = [json.loads(text) for text in ordered]
    default = _default(sample, rows)
    # what may be turned off instead of left out is no fault where it is off
    harmless: dict[str, Any] = {
        path: "none" if default is None else default
        for fix in fixes
        for path, change in fix.items()
        if change == "none" or default is not None
    }
    for text, fix in zip(ordered, fixes):
        guard = _given(fix, sample, rows, harmless)
        if guard is not None:
            found.append(Idea(fix, "error", best[text][0], best[text][1], guard))
    return found


def also_named(sample: Sample, rows: Rows, known: tuple[Literal, ...]) -> tuple[Literal, ...]:
    """Ask for the other parameters that the errors name and all of the calls have.

    What is refused together with another parameter may be allowed without it.
    """
    requests = [sample.failing[row].request for row in members(rows)[:_ASKED]]
    if not requests:
        return ()
    shared = set.intersection(*(set(request) for request in requests))
    asked = {literal.path.split(".", 1)[0].split("[", 1)[0] for literal in known}
    names = sorted(shared & blamed(sample) - asked - WHO)
    return tuple(given({name: {"exists": True}}, sample) for name in names)


def from_documentation(sample: Sample, rows: Rows, provider: str, operation: str) -> list[Idea]:
    """Return fixes of documented failures whose conditions hold of the calls, models apart."""
    found = []
    for case in documented(provider, operation):
        if _share(case["pattern"], sample, rows) < _HOLDS:
            continue
        known = given(case["pattern"], sample)
        if known.rows & ~sample.failed == sample.all & ~sample.failed:
            continue
        if not _helps(case["fix"], sample, rows):
            continue
        because = f"looks like the documented failure {case['id']}"
        found.append(Idea(case["fix"], "documentation", False, because, (known,)))
    return found[:4]


def _given(
    fix: dict[str, Any], sample: Sample, rows: Rows, harmless: Mapping[str, Any]
) -> tuple[Literal, ...] | None:
    """Return the conditions under which a fix has something to do in the calls."""
    if not _helps(fix, sample, rows):
        return None
    found = []
    for options in guards(fix):
        for option in (*_but(options, harmless), *options):
            if _share(option, sample, rows) >= _HOLDS:
                found.append(given(option, sample))
                break
    return tuple(found)


_DEFAULT = re.compile(r"\bdefault(?: value)?(?: of| is|:)? ?\(?[`'\"]?(-?\d+(?:\.\d+)?)\b")


def _default(sample: Sample, rows: Rows) -> float | None:
    """Return the value that the errors call the default."""
    for row in members(rows)[:1]:
        error = sample.failing[row].error
        said = _DEFAULT.search(error.message) if error else None
        if said:
            number = float(said[1])
            return int(number) if number.is_integer() else number
    return None


def _but(options: list[dict[str, Any]], harmless: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Ask for presence, but not for a value that is no fault."""
    if len(options) != 1 or len(options[0]) != 1:
        return []
    [(path, asked)] = options[0].items()
    if asked != {"exists": True} or path not in harmless:
        return []
    return [{path: {"!=": harmless[path]}}]


def _helps(fix: dict[str, Any], sample: Sample, rows: Rows) -> bool:
    """Tell whether a fix changes most of some failing calls."""
    compiled = compile_fix(plain_json(fix, "fix"), "fix")
    asked = members(rows)[:_ASKED]
    changed = 0
    for row in asked:
        request: Mapping[str, Any] = sample.failing[row].request
        try:
            fixed, _ = compiled.apply(request, {})
        except Exception:  # it cannot be carried out on this request
            continue
        changed += fixed is not request and fixed != request
    return changed >= _LEAST * len(asked)


_LEAST = 0.34
"""Share of the calls that a fix must change: one signature may have several causes."""


def _share(condition: dict[str, Any], sample: Sample, rows: Rows) -> float:
    requests = [sample.failing[row].request for row in members(rows)[:_ASKED]]
    everything = (1 << len(requests)) - 1
    return answers(condition, requests, everything).bit_count() / max(1, len(requests))


def given(condition: dict[str, Any], sample: Sample) -> Literal:
    """Return a question that is known before any comparison."""
    rows = answers(condition, sample.requests, sample.all)
    [path, *_] = condition
    return Literal(path, condition, rows, 1.0, Form.GIVEN)
