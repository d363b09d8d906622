"""`arc replay`: what a pattern would have done to recorded calls."""

from __future__ import annotations

import argparse
import json
import os
from typing import Any, Dict, Sequence

from arc_cli.command import client, connection_options, pattern_names, run
from arc_cli.core_client import CoreClient, CoreError
from arc_cli.layout import clean, clock, cut, table, width
from arc_cli.parser import Parser, completed_by
from arc_cli.patterns import documents, reach
from arc_cli.periods import point
from arc_cli.progress import progress_bar


def main(argv: Sequence[str]) -> int:
    """Print what a pattern of the registry, or of a file, would have done."""
    options = parser().parse_args(argv)
    return run("arc replay", lambda: _print(client(options), options))


def parser() -> Parser:
    """Return what the command takes."""
    made = Parser(prog="arc replay", description=__doc__, parents=[connection_options()])
    subject = made.add_argument(
        "pattern", metavar="PATTERN", help="name of a pattern, a file with one, or - for stdin"
    )
    completed_by(subject, pattern_names)
    made.add_argument(
        "--since", type=point, help="from 30m, 2h or 7d ago on, or a time (default: 7d)"
    )
    return made


def _print(core: CoreClient, options: argparse.Namespace) -> int:
    found = _found(core, options)
    if options.json:
        print(json.dumps(found, indent=2))
        return 0
    for line in _lines(found):
        print(cut(line, width()))
    return 0


def _found(core: CoreClient, options: argparse.Namespace) -> Dict[str, Any]:
    events = core.events("/replay/stream", _subject(options.pattern), since=options.since)
    with progress_bar("arc replay") as show:
        for name, value in events:
            if name == "progress":
                show(value["done"], value["of"])
            elif name == "replay":
                return dict(value)
            elif name == "problem":
                raise CoreError(value["detail"])
    raise CoreError("Arc Core ended the connection before the replay was done; ask again.")


def _subject(pattern: str) -> Dict[str, Any]:
    if pattern == "-" or os.path.isfile(pattern):
        return {"document": documents.only_one(pattern)}
    return {"name": pattern}


def _lines(found: Dict[str, Any]) -> Sequence[str]:
    if not (found["failing"] or found["healthy"]):
        return [
            f"No call is recorded since {clock(found['since'])} that this pattern could concern."
        ]
    titles = ("SINCE " + clock(found["since"]), "CALLS", "MATCHED", "CHANGED")
    rows = [
        ("failed", found["failing"], found["matched_failing"], found["changed_failing"]),
        ("healthy", found["healthy"], found["matched_healthy"], found["changed_healthy"]),
    ]
    lines = list(table(titles, rows))
    if found["failures"]:
        lines.append("")
        rows = [
            (each["calls"], each["matched"], each["changed"], clean(each["error_template"]))
            for each in found["failures"]
        ]
        lines += table(("CALLS", "MATCHED", "CHANGED", "FAILURE"), rows)
    lines += reach.groups(found["groups"])
    for each in found["examples"]:
        kind = "failed" if each["failed"] else "healthy"
        lines += ["", f"{clean(each['application'])}, {clean(each['model'])}, {kind}:"]
        lines += [_change(change) for change in each["changes"]]
    lines += ["", "Healthy calls that a fix had changed before they were sent are not among these."]
    if found["still_matching"]:
        lines.append(f"After the fix it would match {found['still_matching']} calls again.")
    return [*lines, *(f"Cannot be evaluated: {clean(reason)}" for reason in found["errors"])]


def _change(change: Dict[str, Any]) -> str:
    path = clean(change["path"]).lstrip("/").replace("/", ".")
    before, after = (
        json.dumps(change[side]) if side in change else "(none)" for side in ("before", "after")
    )
    return f"  {path}: {before} -> {after}"
