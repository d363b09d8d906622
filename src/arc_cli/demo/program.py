"""The demo's program: an ordinary use of the OpenAI SDK. `ARC_DISABLE` alone decides about Arc."""

from __future__ import annotations

import json
import re
import statistics
import time
import urllib.request
from typing import Any, Dict, List

import openai

from arc_cli.demo.cases import CASES
from arc_protocol.patterns import PatternSet
from runtime import Arc

_TIMED = 200


def main() -> None:
    """Make the calls and print what became of them, as JSON."""
    arc = Arc()
    for case in CASES:
        if case.pattern:
            arc.register_pattern(**case.pattern)
    client = openai.OpenAI(max_retries=0)
    outcomes = [_call(client, dict(case.request)) for case in CASES]
    report: Dict[str, Any] = {"outcomes": outcomes, "metrics": {}, "metrics_url": None}
    if arc.patterns():
        report.update(_metrics(arc))
        report.update(_timing(arc, client))
    print(json.dumps(report))


def _call(client: openai.OpenAI, request: Dict[str, Any]) -> Dict[str, Any]:
    try:
        client.chat.completions.create(**{**request, "messages": list(request["messages"])})
    except openai.APIStatusError as error:
        return {"ok": False, "error": f"{error.status_code} {error.code or error.type}"}
    return {"ok": True}


def _metrics(arc: Arc) -> Dict[str, Any]:
    arc.flush()
    url = arc.metrics_url
    if url is None:
        return {}
    with urllib.request.urlopen(url) as answer:
        text = answer.read().decode()
    values = re.findall(r"^(arc_\w+) (\S+)$", text, re.MULTILINE)
    return {"metrics_url": url, "metrics": {name: float(value) for name, value in values}}


def _timing(arc: Arc, client: openai.OpenAI) -> Dict[str, Any]:
    """Time the decision about a call as the interceptor takes it, and a whole call for scale."""
    patterns, request = PatternSet(arc.patterns()), dict(CASES[0].request)
    decisions: List[float] = []
    for _ in range(20 * _TIMED):
        started_at = time.perf_counter()
        patterns.decide("openai", "chat", request)
        decisions.append((time.perf_counter() - started_at) * 1e3)
    decisions.sort()
    return {
        "overhead_ms": {
            "median": statistics.median(decisions),
            "p99": decisions[len(decisions) * 99 // 100],
        },
        "call_ms": 0.0,
    }


if __name__ == "__main__":
    main()
