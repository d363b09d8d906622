"""The demo's program: an ordinary use of the OpenAI SDK. `ARC_DISABLE` alone decides about Arc."""

from __future__ import annotations

import json
import re
import urllib.request
from typing import Any, Dict

import openai

from arc_cli.demo.cases import CASES
from runtime import Arc

_REPEATED = 300
"""Calls that only serve to measure."""


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
        for _ in range(_REPEATED):
            _call(client, dict(CASES[0].request))
        report.update(_metrics(arc))
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
    buckets = re.findall(
        r'^arc_interception_latency_ms_bucket{le="(.+)"} (\S+)$', text, re.MULTILINE
    )
    return {
        "metrics_url": url,
        "metrics": {name: float(value) for name, value in values},
        "latency_ms": [(float(bound), float(count)) for bound, count in buckets],
    }


if __name__ == "__main__":
    main()
