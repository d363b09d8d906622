"""`arc demo`: the same program with and without Arc, against a provider that refuses requests."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import urllib.request
from typing import Any, Dict, List, Sequence, Tuple

from arc_cli.demo.cases import CASES
from arc_simulator.launch import launch

_METRICS_SHOWN = (
    "arc_requests_intercepted_total",
    "arc_pattern_matches_total",
    "arc_fixes_applied_total",
)


def main(argv: Sequence[str]) -> int:
    """Run the demo; return 1 when something that it claims did not happen."""
    argparse.ArgumentParser(prog="arc demo", description=__doc__).parse_args(argv)
    rules = [part for case in CASES if case.rule for part in ("--rule", case.rule)]
    with launch(*rules) as url:
        print(f"A provider simulator is at {url}; it refuses what real ones have refused.\n")
        runs = {name: _run(url, name) for name in ("without", "with")}
    return _report(runs["without"], runs["with"])


def _run(url: str, name: str) -> Dict[str, Any]:
    environment = {
        **os.environ,
        "OPENAI_BASE_URL": f"{url}/v1",
        "OPENAI_API_KEY": "demo",
        "ARC_DISABLE": "1" if name == "without" else "0",
        "ARC_ENDPOINT": "",
        "ARC_LOG_LEVEL": "WARNING",
    }
    program = [sys.executable, "-m", "arc_cli.demo.program"]
    before = len(_recorded(url))
    done = subprocess.run(program, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    report: Dict[str, Any] = json.loads(done.stdout)
    report["sent"] = [request["json"] for request in _recorded(url)[before:]]
    return report


def _recorded(url: str) -> List[Dict[str, Any]]:
    with urllib.request.urlopen(f"{url}/_simulator/spaces/default/requests") as answer:
        requests: List[Dict[str, Any]] = json.load(answer)["requests"]
    return requests


def _report(without: Dict[str, Any], protected: Dict[str, Any]) -> int:
    kept = True
    print(f"{'':34} {'without Arc':38} with Arc")
    for number, case in enumerate(CASES):
        bare, fixed = without["outcomes"][number], protected["outcomes"][number]
        print(f"{case.title:34} {_outcome(bare):38} {_outcome(fixed)}")
        sent = [_field(run["sent"][number], case.field) for run in (without, protected)]
        print(f"{'  sent ' + case.field:34} {sent[0]:38} {sent[1]}")
        kept = kept and fixed["ok"] and (bare["ok"] == case.harmless) and sent[0] != sent[1]
    failed = [sum(not o["ok"] for o in run["outcomes"]) for run in (without, protected)]
    print(f"\nFailed calls: {failed[0]} without Arc, {failed[1]} with Arc.")
    print(f"\nMetrics of the protected program ({protected['metrics_url']}):")
    for name in _METRICS_SHOWN:
        print(f"  {name} {protected['metrics'].get(name, 'missing')}")
        kept = kept and bool(protected["metrics"].get(name))
    half, most = (_quantile(protected.get("latency_ms", []), share) for share in (0.5, 0.99))
    print(
        "\nTime that Arc took in the program's threads, by its own histogram: "
        f"half of the calls up to {half} ms, 99 % up to {most} ms."
    )
    if not kept:
        print("\nThe demo did NOT show what it claims.", file=sys.stderr)
        return 1
    print("\nEvery call that failed without Arc succeeded with it, one setting was made safe.")
    return 0


def _quantile(buckets: List[Tuple[float, float]], share: float) -> float:
    """Return the upper bound of the bucket that holds a quantile."""
    reached = (bound for bound, count in buckets if count >= share * buckets[-1][1])
    return next(reached, float("nan"))


def _outcome(outcome: Dict[str, Any]) -> str:
    return "ok" if outcome["ok"] else f"failed: {outcome['error']}"[:37]


def _field(body: Dict[str, Any], field: str) -> str:
    value = body.get(field, "(nothing)")
    return json.dumps(value)[:37] if value != "(nothing)" else "(nothing)"
