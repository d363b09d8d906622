"""`arc patterns pause --all` and `resume --all`: stop everything, and put it where it was."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from typing import Any, Dict, List

from arc_cli.core_client import CoreClient, CoreError
from arc_cli.layout import clean, clock
from arc_cli.patterns import in_force

_IN_USE = ("shadow", "rescue", "canary", "active", "dormant")
_ON_TRIAL = ("shadow", "rescue", "canary")


def pause(core: CoreClient, options: argparse.Namespace) -> int:
    """Take all patterns out of force."""
    known = core.pages("/patterns", "patterns", limit=1000)
    states = Counter(each["state"] for each in known if each["state"] in _IN_USE)
    trials = sum(states[state] for state in _ON_TRIAL)
    _ask(
        options,
        f"This stops {_patterns(sum(states.values()))} of Core, {trials:,} of them on trial, those "
        "built into Runtimes, and learning.",
    )
    paused = core.post("/patterns/pause", {"reason": options.reason})["patterns"]
    if options.json:
        return _json(paused)
    told = "is" if len(paused) == 1 else "are"
    print(
        f"{_patterns(len(paused))} {told} paused: Arc changes no call by them, and learns nothing."
    )
    _wait(core, options, paused)
    print("`arc patterns resume --all` puts all of it where it was.")
    return 0


def resume(core: CoreClient, options: argparse.Namespace) -> int:
    """Put what was paused together where it was."""
    stopped = core.get("/info")["stopped"]
    if stopped is not None:
        _ask(
            options, f"This ends the stop of {clock(stopped['at'])} by {clean(stopped['author'])}."
        )
    resumed: List[Dict[str, Any]] = core.post("/patterns/resume", {"reason": options.reason})[
        "patterns"
    ]
    if options.json:
        return _json(resumed)
    states = Counter(each["state"] for each in resumed)
    listed = ", ".join(f"{states[state]:,} {state}" for state in _IN_USE if states[state])
    told = "is" if len(resumed) == 1 else "are"
    print(f"{_patterns(len(resumed))} {told} as before: {listed or 'none'}.")
    _wait(core, options, resumed)
    return 0


def _wait(core: CoreClient, options: argparse.Namespace, records: List[Dict[str, Any]]) -> None:
    if options.wait:
        sys.stdout.flush()
        print(*in_force.wait(core, records), sep="\n")


def _ask(options: argparse.Namespace, what: str) -> None:
    """Return if it shall be done; raises `CoreError` if not."""
    if options.yes:
        return
    if not sys.stdin.isatty():
        raise CoreError(f"{what} Nobody is there to be asked: say --yes.")
    print(f"{what} Go on? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise CoreError("Nothing was changed.")


def _patterns(count: int) -> str:
    return "1 pattern" if count == 1 else f"{count:,} patterns"


def _json(value: Any) -> int:
    print(json.dumps(value, indent=2))
    return 0
