"""What speaks for a pattern, and for a step in its life, as people read it."""

from __future__ import annotations

import json
import math
import textwrap
from typing import Any, Dict, Iterator, List

from arc_cli.layout import amount, clean, width

_INDENT = " " * 10
_TOLD = frozenset(
    [
        *("signature", "kind", "error", "because", "matching", "failed", "condition", "fix"),
        *("policy", "reach", "meaning", "recorded_calls"),
    ]
)
_SOURCES = {
    "error": "the error's own words",
    "contrast": "what healthy calls do otherwise",
    "documentation": "a documented failure that looks alike",
}


def learned(evidence: Dict[str, Any]) -> List[str]:
    """Return what came with a pattern, a line for each point."""
    lines: List[str] = []
    matching = evidence.get("matching")
    if matching:
        kind = evidence.get("kind") or "failed"
        lines += _wrapped(
            f"{evidence.get('failed', 0):,} of {matching:,} recorded calls that it matches have "
            f"this failure: {kind}, {evidence.get('signature') or 'any'}"
        )
    for name in ("error", "because"):
        if evidence.get(name):
            lines += _wrapped(f"{name}: {evidence[name]}")
    for text in _candidate(evidence):
        lines += _wrapped(text)
    others = {name: value for name, value in evidence.items() if name not in _TOLD}
    if others:
        lines.append(f"{'evidence:':10} {json.dumps(others)}")
    return lines


def _candidate(evidence: Dict[str, Any]) -> Iterator[str]:
    """Say where condition and fix come from, how far they reach and what they may cost."""
    seen = evidence.get("condition")
    if seen:
        yield (
            f"condition: {seen['failing']:,} of {seen['of_failing']:,} failing calls, of "
            f"{seen['applications']:,} applications, and {seen['healthy']:,} of "
            f"{seen['of_healthy']:,} healthy ones; by chance with probability {seen['p']:.1g}"
        )
    fix = evidence.get("fix")
    if fix:
        told = f"fix: from {_SOURCES.get(fix['source'], fix['source'])}"
        if fix.get("calls"):
            told += f"; of {fix['calls']:,} calls that have it {fix['failed']:,} failed"
        yield told
    if evidence.get("reach") is not None:
        yield f"reach: {100 * evidence['reach']:.0f} % of the recorded calls with this failure"
    if "meaning" in evidence:
        yield f"may cost: {evidence['meaning'] or 'nothing of what is asked for'}"
    if evidence.get("policy"):
        yield f"needs the policy: {evidence['policy']}"
    tried = evidence.get("recorded_calls")
    if tried:
        yield (
            f"tried on recorded calls: would change {tried['changed_failing']:,} of "
            f"{tried['failing']:,} failing ones and {tried['changed_healthy']:,} of "
            f"{tried['healthy']:,} healthy ones"
        )


def of_step(evidence: Dict[str, Any]) -> List[str]:
    """Return the numbers that led to a step of a trial."""
    return _wrapped("; ".join(_numbers(evidence)))


def _numbers(evidence: Dict[str, Any]) -> Iterator[str]:
    if evidence.get("calls") and "share" in evidence:
        yield f"after {evidence['calls']:,} calls, {100 * evidence['share']:.0f} % with the fix"
    for arm, title in (("control", "without it"), ("treated", "with the fix")):
        if arm in evidence:
            seen = evidence[arm]
            others = seen.get("failed_anyhow", seen["failed"]) - seen["failed"]
            otherwise = f", and {others:,} otherwise" if others else ""
            yield f"{title} {seen['failed']:,} of {seen['calls']:,} failed{otherwise}"
    risk = evidence.get("relative_risk")
    if risk and risk["likeliest"] is not None:
        high = "?" if risk["high"] is None else amount(risk["high"])
        yield f"{amount(risk['likeliest'])} times as often ({amount(risk['low'])} to {high})"
    benefit = evidence.get("log_evidence_of_benefit")
    if benefit:
        shown = amount(math.exp(min(min(benefit.values()), 700.0)))
        needed = evidence.get("evidence_needed")
        yield f"evidence {shown}" + (f", needed {amount(needed)}" if needed else "")


def _wrapped(text: str) -> List[str]:
    return textwrap.wrap(
        clean(text),
        width() or 100,
        initial_indent=_INDENT,
        subsequent_indent=_INDENT,
        break_on_hyphens=False,
    )
