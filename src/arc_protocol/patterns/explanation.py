"""Explanations for people: which patterns match a request, what would change, and why."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

from arc_protocol.patterns.conditions import Clause
from arc_protocol.patterns.decision import Decision
from arc_protocol.patterns.limits import show
from arc_protocol.patterns.paths import MAX_BODY_DEPTH
from arc_protocol.patterns.pattern import Pattern
from arc_protocol.patterns.pattern_set import PatternSet
from arc_protocol.patterns.values import LIST, MAPPING, is_json


class Verdict(NamedTuple):
    """What one pattern makes of a request."""

    pattern: Pattern
    matches: bool
    reasons: Tuple[str, ...]
    """Which parts of the condition do not hold or cannot be evaluated, with the values found."""
    outcome: str
    """`applied`, `no change`, `skipped: ...`, `error: ...` or `does not match`."""


class Explanation(NamedTuple):
    """What a set of patterns makes of a request; as a string, readable in a terminal."""

    verdicts: Tuple[Verdict, ...]
    """One per pattern that concerns this provider and operation, in order of precedence."""
    patch: Tuple[Dict[str, Any], ...]
    """What would change, as JSON Patch (RFC 6902)."""
    decision: Optional[Decision]

    def __str__(self) -> str:
        lines = [line for verdict in self.verdicts for line in _lines(verdict)]
        lines += [f"change: {json.dumps(change)}" for change in self.patch]
        return "\n".join(lines or ["No pattern concerns this call."])


def explain(
    patterns: PatternSet,
    provider: Optional[str],
    operation: Optional[str],
    body: Mapping[str, Any],
    server: Optional[str] = None,
) -> Explanation:
    """Explain what a set of patterns makes of a request; `server` is where it goes, host:port."""
    # Imported here: only people who ask for explanations need it.
    import jsonpatch

    decision = patterns.decide(provider, operation, body, server=server)
    fixed = body if decision is None else decision.body
    patch = jsonpatch.make_patch(plain(body), plain(fixed)).patch
    verdicts = [
        _verdict(pattern, body, decision)
        for pattern in patterns.patterns
        if pattern.concerns(provider, operation, server)
    ]
    return Explanation(tuple(verdicts), tuple(patch), decision)


def plain(value: object, depth: int = 0) -> Any:
    """Copy a request to plain JSON; foreign objects become their type's name in angle brackets."""
    if depth > MAX_BODY_DEPTH:
        return "<too deep>"
    if isinstance(value, MAPPING):
        return {str(key): plain(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, LIST):
        return [plain(inner, depth + 1) for inner in value]
    return value if is_json(value) else f"<{type(value).__name__}>"


def _verdict(pattern: Pattern, body: Mapping[str, Any], decision: Optional[Decision]) -> Verdict:
    reasons = tuple(
        reason for clause in pattern.when.clauses for reason in _objections(clause, body)
    )
    matches = decision is not None and pattern in decision.matched
    return Verdict(pattern, matches, () if matches else reasons, _outcome(pattern, decision))


def _outcome(pattern: Pattern, decision: Optional[Decision]) -> str:
    if decision is not None:
        if pattern in decision.applied:
            return "applied"
        for word, cases in (("skipped", decision.skipped), ("error", decision.errors)):
            for one, reason in cases:
                if one is pattern:
                    return f"{word}: {reason}"
        if pattern in decision.matched:
            return "no change"
    return "does not match"


def _objections(clause: Clause, body: Mapping[str, Any]) -> List[str]:
    try:
        if clause.check(body, body):
            return []
        reason = "does not hold"
    except Exception as error:
        reason = f"cannot be evaluated, {error}"
    text = f"{clause.text} {show(clause.requirement)} {reason}"
    if clause.path is not None:
        found = clause.path.hits(body)
        text += f"; found {', '.join(show(plain(value)) for value in found[:5]) or 'nothing'}"
    return [text]


def _lines(verdict: Verdict) -> List[str]:
    pattern = verdict.pattern
    lines = [f"{pattern.name} ({pattern.origin.label}): {verdict.outcome}"]
    if verdict.matches and pattern.rationale:
        lines.append(f"  why: {pattern.rationale}")
    return lines + [f"  {reason}" for reason in verdict.reasons]
