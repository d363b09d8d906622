"""Part one: the same program with and without Arc, against a provider that refuses requests."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import Any, Dict, List, Tuple

from arc_cli.demo.cases import CASES
from arc_cli.demo.children import DemoError, Place, environment, run
from arc_cli.demo.servers import Simulator
from arc_cli.demo.terminal import Claims, cut, headline, say

_METRICS_SHOWN = (
    "arc_requests_intercepted_total",
    "arc_pattern_matches_total",
    "arc_fixes_applied_total",
)


def show(place: Place, claims: Claims) -> None:
    """Run the program twice and print what became of its calls."""
    headline("1. One program, without and with Arc")
    with ExitStack() as ends:
        rules = [case.rule for case in CASES if case.rule]
        simulator = Simulator(place._replace(ends=ends), rules).started()
        say(
            f"A provider simulator is at {simulator.url};",
            "it refuses what real providers have refused.",
        )
        without, protected = (_run(place, simulator, name) for name in ("without", "with"))
    _compare(without, protected, claims)
    _measured(protected, claims)


def _run(place: Place, simulator: Simulator, name: str) -> Dict[str, Any]:
    env = environment(
        place.folder,
        OPENAI_BASE_URL=f"{simulator.url}/v1",
        OPENAI_API_KEY="demo",
        ARC_DISABLE="1" if name == "without" else "0",
        ARC_ENDPOINT="",
        ARC_LOG_LEVEL="WARNING",
    )
    before = len(simulator.requests())
    done = run("arc_cli.demo.program", folder=place.folder, env=env)
    if done.code:
        raise DemoError(f"The program {name} Arc ended with code {done.code}.\n{done.err}")
    report: Dict[str, Any] = json.loads(done.out)
    report["sent"] = simulator.requests()[before:]
    return report


def _compare(without: Dict[str, Any], protected: Dict[str, Any], claims: Claims) -> None:
    for number, case in enumerate(CASES):
        say("", f"{case.title} ({case.request['model']})")
        sent = []
        for name, report in (("without", without), ("with", protected)):
            field = _field(report["sent"][number], case.field)
            sent.append(field)
            left = f"  {name:8} sent {case.field} {cut(field, 27)}"
            say(cut(f"{left:46} {_outcome(report['outcomes'][number])}", 80))
        bare, fixed = without["outcomes"][number], protected["outcomes"][number]
        claims.check(bare["ok"] == case.harmless, f"{case.title}: without Arc as expected")
        claims.check(fixed["ok"], f"{case.title}: a success with Arc")
        claims.check(sent[0] != sent[1], f"{case.title}: changed by Arc")
    failed = [sum(not o["ok"] for o in each["outcomes"]) for each in (without, protected)]
    say("", f"Failed calls: {failed[0]} without Arc, {failed[1]} with Arc.")


def _measured(protected: Dict[str, Any], claims: Claims) -> None:
    say("", f"Metrics of the protected program ({protected['metrics_url']}):")
    for name in _METRICS_SHOWN:
        say(f"  {name} {protected['metrics'].get(name, 'missing')}")
        claims.check(bool(protected["metrics"].get(name)), f"the metric {name} counts")
    half, most = (_quantile(protected.get("latency_ms", []), share) for share in (0.5, 0.99))
    say(
        "Time that Arc took in the program's threads, by its own histogram:",
        f"  half of the calls up to {half} ms, 99 % up to {most} ms.",
    )


def _quantile(buckets: List[Tuple[float, float]], share: float) -> float:
    """Return the upper bound of the bucket that holds a quantile."""
    reached = (bound for bound, count in buckets if count >= share * buckets[-1][1])
    return next(reached, float("nan"))


def _outcome(outcome: Dict[str, Any]) -> str:
    return "ok" if outcome["ok"] else f"failed: {outcome['error']}"


def _field(body: Dict[str, Any], field: str) -> str:
    return json.dumps(body[field]) if field in body else "(nothing)"
