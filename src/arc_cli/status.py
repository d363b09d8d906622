"""`arc status`: how Arc Core is, what fails, and which Runtimes are connected to it."""

from __future__ import annotations

import argparse
import json
import textwrap
from collections import Counter
from datetime import timedelta
from typing import Any, Iterator, List, Mapping, Sequence

from arc_cli.command import client, connection_options, run
from arc_cli.core_client import CoreClient
from arc_cli.layout import clean, clock, moment, percent, size, span, table, width
from arc_cli.parser import Parser

_MINUTES = 5
_OUT_OF_FORCE = ("disabled", "refused")
_COUNTED = ("calls", "failures", "fixed", "healed")
_ON_TRIAL = ("candidate", "shadow", "rescue", "canary")
_SHOWN = 20
"""Runtimes that are listed without --all, those with something wrong first."""
_LOST = timedelta(days=1)
"""A Runtime that was there then and is not now may be missed."""

Runtime = Mapping[str, Any]


def main(argv: Sequence[str]) -> int:
    """Print the state of Core, of the calls and of the Runtimes."""
    options = parser().parse_args(argv)
    return run("arc status", lambda: _print(client(options), options))


def parser() -> Parser:
    """Return what the command takes."""
    made = Parser(prog="arc status", description=__doc__, parents=[connection_options()])
    made.add_argument(
        "--all", action="store_true", help="list all Runtimes, those that are gone since a day too"
    )
    return made


def _print(core: CoreClient, options: argparse.Namespace) -> int:
    info = core.get("/info")
    now = moment(info["time"])
    steps = core.get(
        "/statistics", since=_iso(now - timedelta(minutes=_MINUTES)), until=info["time"]
    )["steps"]
    recent = {name: sum(step[name] for step in steps) for name in _COUNTED}
    runtimes = _runtimes(core, connected=True)
    lost = _runtimes(core, connected=False, since=_iso(now - _LOST))
    if options.json:
        recent = {"minutes": _MINUTES, **recent}
        told = {"info": info, "recent": recent, "runtimes": runtimes}
        print(json.dumps({**told, "lost": lost} if options.all else told, indent=2))
        return 0
    waiting = [*core.pages("/rollouts", "rollouts", waiting=True, limit=1000)]
    states = Counter(each["state"] for each in core.pages("/patterns", "patterns", limit=1000))
    print(
        *_summary(info, recent, runtimes, states),
        *_alarms(info, runtimes),
        *_next(info, recent, waiting),
        "",
        *_of_core(core.url, info, states),
        *_of_calls(recent),
        "",
        *_of_runtimes(info, runtimes, everything=options.all),
        *_of_lost(info, lost, everything=options.all),
        sep="\n",
    )
    return 0


def _runtimes(core: CoreClient, **which: Any) -> List[Runtime]:
    found = [*core.pages("/runtimes", "runtimes", limit=1000, **which)]
    return sorted(found, key=lambda each: (each["service"], each["host"], each["pid"]))


def _summary(
    info: Mapping[str, Any],
    recent: Mapping[str, int],
    runtimes: Sequence[Runtime],
    states: Mapping[str, int],
) -> List[str]:
    current = sum(_is_current(info, each) for each in runtimes)
    parts = [f"{current:,} of {len(runtimes):,} Runtimes current" if runtimes else "no Runtime"]
    if current < len(runtimes):
        parts[0] += f", {len(runtimes) - current:,} behind"
    failed = percent(recent["failures"], recent["calls"])
    parts.append(f"{_rate(recent['calls'])} calls/min, {failed} failed")
    trials = sum(states[state] for state in _ON_TRIAL)
    noun = "pattern" if states["active"] == 1 else "patterns"
    parts.append(f"{states['active']:,} {noun} active, {trials:,} on trial")
    text = "; ".join(parts)
    return textwrap.wrap(f"{text[0].upper()}{text[1:]}.", width() or 100)


def _alarms(info: Mapping[str, Any], runtimes: Sequence[Runtime]) -> Iterator[str]:
    """Yield what somebody should look at."""
    stopped = info["stopped"]
    if stopped is not None:
        why = f": {clean(stopped['reason'])}" if stopped["reason"] else ""
        since, author = clock(stopped["at"]), clean(stopped["author"])
        yield f"  STOPPED   all patterns, since {since} by {author}{why}"
    counts = Counter(
        (verdict["state"], name)
        for each in runtimes
        for name, verdict in each["verdicts"].items()
        if verdict["state"] in _OUT_OF_FORCE
    )
    for (state, name), count in sorted(counts.items()):
        yield f"  {state:9} {clean(name)}, in {count} of {len(runtimes)} Runtimes"
    lost: Counter[str] = Counter()
    for each in runtimes:
        lost.update(each["dropped"])
    if lost:
        losers = sum(bool(each["dropped"]) for each in runtimes)
        total = sum(lost.values())
        where = f"in {losers} of {len(runtimes)} Runtimes"
        yield f"  lost      {total:,} calls' telemetry, {where}: {_told(lost)}"


def _next(
    info: Mapping[str, Any], recent: Mapping[str, int], waiting: Sequence[Any]
) -> Iterator[str]:
    """Yield what to type next."""
    if info["stopped"] is not None:
        yield "  arc patterns resume --all   put all patterns where they were"
    if recent["failures"]:
        yield "  arc failures                what fails, the most frequent first"
    if waiting:
        number = "1 pattern waits" if len(waiting) == 1 else f"{len(waiting):,} patterns wait"
        yield f"  arc rollouts --waiting      {number} for a yes"


def _of_core(url: str, info: Mapping[str, Any], states: Mapping[str, int]) -> List[str]:
    up_s = (moment(info["time"]) - moment(info["started_at"])).total_seconds()
    store, pattern_set = info["store"], info["pattern_set"]
    kept = f"{store['engine']} {store['version']}"
    if store["calls"] is not None:
        kept = f"{store['calls']:,} calls, {size(store['size_bytes'])}, {kept}"
    counted = ", ".join(f"{count:,} {state}" for state, count in sorted(states.items()))
    return [
        f"Arc Core {info['version']} at {url}, up {span(up_s)}",
        f"  project   {clean(info['project'])}",
        f"  patterns  {counted or 'none'}; set version {pattern_set['version']}",
        f"  registry  {clean(info['registry'])}",
        f"  store     {clean(store['location'])}",
        f"            {kept}",
    ]


def _of_calls(recent: Mapping[str, int]) -> List[str]:
    calls, failures = recent["calls"], recent["failures"]
    return [
        f"  traffic   {_rate(calls)} calls/min, {failures:,} failed "
        f"({percent(failures, calls)}), {recent['fixed']:,} fixed, {recent['healed']:,} healed; "
        f"last {_MINUTES} min"
    ]


def _of_runtimes(
    info: Mapping[str, Any], runtimes: Sequence[Runtime], *, everything: bool
) -> List[str]:
    if not runtimes:
        return ["No Runtime is connected; in your application: from runtime import Arc; Arc()"]
    wrong_first = sorted(
        runtimes,
        key=lambda each: _is_current(info, each) and not (each["verdicts"] or each["dropped"]),
    )
    chosen = runtimes if everything else wrong_first[:_SHOWN]
    rows = [
        (
            each["service"],
            each["host"],
            each["pid"],
            each["runtime_version"],
            _held(info, each),
            _ago(info, each),
        )
        for each in chosen
    ]
    lines = table(("SERVICE", "HOST", "PID", "RUNTIME", "PATTERNS", "SEEN"), rows)
    shown = lines[:1]
    for each, line in zip(chosen, lines[1:]):
        shown.append(line)
        shown += [
            f"    {clean(name)}, revision {verdict['revision']}, is {verdict['state']}: "
            f"{clean(verdict['reason'])}"
            for name, verdict in sorted(each["verdicts"].items())
            if verdict["state"] != "applied"
        ]
        if each["dropped"]:
            shown.append(f"    has lost telemetry of calls: {_told(each['dropped'])}")
    if len(chosen) < len(runtimes):
        shown.append(f"and {len(runtimes) - len(chosen):,} more: arc status --all")
    return shown


def _of_lost(
    info: Mapping[str, Any], lost: Sequence[Runtime], *, everything: bool
) -> Iterator[str]:
    """Yield the Runtimes that have gone: processes that ended, or cannot reach Core."""
    if not lost:
        return
    if not everything:
        number = "1 Runtime has" if len(lost) == 1 else f"{len(lost):,} Runtimes have"
        yield f"{number} gone within a day: arc status --all"
        return
    rows = [(each["service"], each["host"], each["pid"], _ago(info, each)) for each in lost]
    yield ""
    yield from table(("GONE: SERVICE", "HOST", "PID", "SEEN"), rows)


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{clean(reason)} {count:,}" for reason, count in sorted(counts.items()))


def _is_current(info: Mapping[str, Any], runtime: Runtime) -> bool:
    return bool(runtime["set_digest"] == info["pattern_set"]["digest"])


def _held(info: Mapping[str, Any], runtime: Runtime) -> str:
    if _is_current(info, runtime):
        return "current"
    return f"version {runtime['set_version']}" if runtime["set_version"] else "none"


def _ago(info: Mapping[str, Any], runtime: Runtime) -> str:
    return span((moment(info["time"]) - moment(runtime["last_seen"])).total_seconds()) + " ago"


def _rate(calls: int) -> str:
    per_minute = calls / _MINUTES
    return f"{per_minute:,.0f}" if per_minute >= 10 else f"{per_minute:.1f}"


def _iso(at: Any) -> str:
    return str(at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
