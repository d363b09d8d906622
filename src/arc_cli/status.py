"""`arc status`: how Arc Core is, and which Runtimes are connected to it."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from datetime import timedelta
from typing import Any, Dict, List, Sequence

from arc_cli.command import client, connection_options, run
from arc_cli.core_client import CoreClient
from arc_cli.layout import clean, moment, percent, size, span, table

_MINUTES = 5
_OUT_OF_FORCE = ("disabled", "refused")
_COUNTED = ("calls", "failures", "fixed", "healed")


def main(argv: Sequence[str]) -> int:
    """Print the state of Core, of the calls and of the Runtimes."""
    parser = argparse.ArgumentParser(
        prog="arc status", description=__doc__, parents=[connection_options()]
    )
    options = parser.parse_args(argv)
    return run("arc status", lambda: _print(client(options), options))


def _print(core: CoreClient, options: argparse.Namespace) -> int:
    info = core.get("/info")
    since = (moment(info["time"]) - timedelta(minutes=_MINUTES)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    steps = core.get("/statistics", since=since, until=info["time"])["steps"]
    recent = {name: sum(step[name] for step in steps) for name in _COUNTED}
    runtimes = [*core.pages("/runtimes", "runtimes", connected=True, limit=1000)]
    runtimes.sort(key=lambda each: (each["service"], each["host"], each["pid"]))
    if options.json:
        recent = {"minutes": _MINUTES, **recent}
        print(json.dumps({"info": info, "recent": recent, "runtimes": runtimes}, indent=2))
        return 0
    print(
        *_of_core(core.url, info),
        *_of_calls(recent),
        *_of_verdicts(runtimes),
        "",
        *_of_runtimes(info, runtimes),
        sep="\n",
    )
    return 0


def _of_core(url: str, info: Dict[str, Any]) -> List[str]:
    up_s = (moment(info["time"]) - moment(info["started_at"])).total_seconds()
    store, pattern_set = info["store"], info["pattern_set"]
    kept = f"{store['engine']} {store['version']}"
    if store["calls"] is not None:
        kept = f"{store['calls']} calls, {size(store['size_bytes'])}, {kept}"
    return [
        f"Arc Core {info['version']} at {url}, up {span(up_s)}",
        f"  project   {clean(info['project'])}",
        f"  patterns  {pattern_set['patterns']} in force, version {pattern_set['version']}",
        f"  registry  {clean(info['registry'])}",
        f"  store     {clean(store['location'])}",
        f"            {kept}",
    ]


def _of_calls(recent: Dict[str, int]) -> List[str]:
    calls, failures = recent["calls"], recent["failures"]
    return [
        f"  traffic   {calls / _MINUTES:.1f} calls/min, {failures} failed "
        f"({percent(failures, calls)}), {recent['fixed']} fixed, {recent['healed']} healed; "
        f"last {_MINUTES} min"
    ]


def _of_verdicts(runtimes: List[Dict[str, Any]]) -> List[str]:
    """Say which patterns are not in force somewhere, and in how many of the Runtimes."""
    counts = Counter(
        (verdict["state"], name)
        for each in runtimes
        for name, verdict in each["verdicts"].items()
        if verdict["state"] in _OUT_OF_FORCE
    )
    return [
        f"  {state:9} {clean(name)}, in {count} of {len(runtimes)} Runtimes"
        for (state, name), count in sorted(counts.items())
    ]


def _of_runtimes(info: Dict[str, Any], runtimes: List[Dict[str, Any]]) -> List[str]:
    if not runtimes:
        return ["No Runtime is connected; in your application: from runtime import Arc; Arc()"]
    rows = [
        (
            each["service"],
            each["host"],
            each["pid"],
            each["runtime_version"],
            _held(info["pattern_set"], each),
            span((moment(info["time"]) - moment(each["last_seen"])).total_seconds()) + " ago",
        )
        for each in runtimes
    ]
    lines = table(("SERVICE", "HOST", "PID", "RUNTIME", "PATTERNS", "SEEN"), rows)
    shown = lines[:1]
    for each, line in zip(runtimes, lines[1:]):
        shown.append(line)
        shown += [
            f"    {clean(name)}, revision {verdict['revision']}, is {verdict['state']}: "
            f"{clean(verdict['reason'])}"
            for name, verdict in sorted(each["verdicts"].items())
            if verdict["state"] != "applied"
        ]
    return shown


def _held(pattern_set: Dict[str, Any], runtime: Dict[str, Any]) -> str:
    if runtime["set_digest"] == pattern_set["digest"]:
        return "current"
    return f"version {runtime['set_version']}" if runtime["set_version"] else "none"
