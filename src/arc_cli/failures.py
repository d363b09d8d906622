"""`arc failures`: what fails, the most frequent first."""

from __future__ import annotations

import argparse
import json
from typing import Any, Dict, Sequence

from arc_cli.command import client, connection_options, run
from arc_cli.core_client import CoreClient
from arc_cli.layout import clean, clock, cut, percent, table, width
from arc_cli.periods import point


def main(argv: Sequence[str]) -> int:
    """Print groups of failures."""
    parser = argparse.ArgumentParser(
        prog="arc failures", description=__doc__, parents=[connection_options()]
    )
    parser.add_argument(
        "--since", type=point, help="from 30m, 2h or 1d ago on, or a time (default: 1d)"
    )
    parser.add_argument("--until", type=point, help="before then")
    parser.add_argument("-n", type=int, default=20, dest="count", help="how many (default: 20)")
    options = parser.parse_args(argv)
    return run("arc failures", lambda: _print(client(options), options))


def _print(core: CoreClient, options: argparse.Namespace) -> int:
    found = core.get("/failures", since=options.since, until=options.until, limit=options.count)
    groups = found["failures"]
    if options.json:
        print(json.dumps(groups, indent=2))
        return 0
    if not groups:
        print(f"No call has failed since {clock(found['since'])}.")
        return 0
    titles = ("COUNT", "OF ALL", "PROVIDER", "OPERATION", "FAILURE", "LAST SEEN")
    first, *lines = table(titles, [_row(group) for group in groups], whole=titles[-1:])
    print(first)
    for group, line in zip(groups, lines):
        print(line)
        for label, values in (
            ("models", group["models"]),
            ("services", group["services"]),
            ("healed", [str(group["healed"])] if group["healed"] else []),
            ("signature", [group["signature"]]),
        ):
            if values:
                print(cut(f"       {label}: {clean(', '.join(values))}", width()))
        words = group["template"] or group["message"]
        if words:
            print(cut(f"       {clean(words)}", width()))
    return 0


def _row(group: Dict[str, Any]) -> Any:
    error = (
        group["kind"],
        group["status_code"],
        group["error_code"] or group["error_type"],
        group["error_param"],
    )
    return (
        group["count"],
        percent(group["count"], group["calls"]),
        group["provider"],
        group["operation"],
        " ".join(str(word) for word in error if word),
        clock(group["last_seen"]),
    )
