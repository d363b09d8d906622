"""`arc failures`: what fails, the most frequent first."""

from __future__ import annotations

import argparse
import json
from typing import Any, Dict, Iterator, Sequence

from arc_cli.command import client, connection_options, run
from arc_cli.core_client import CoreClient
from arc_cli.layout import clean, clock, cut, percent, quoted_name, table, width
from arc_cli.parser import Parser
from arc_cli.periods import point

_FILTERS = ("model", "service", "kind", "signature")


def main(argv: Sequence[str]) -> int:
    """Print groups of failures."""
    options = parser().parse_args(argv)
    if options.count < 1:
        options.complain("-n must be at least 1")
    return run("arc failures", lambda: _print(client(options), options))


def parser() -> Parser:
    """Return what the command takes."""
    made = Parser(prog="arc failures", description=__doc__, parents=[connection_options()])
    made.add_argument(
        "--since", type=point, help="from 30m, 2h or 1d ago on, or a time (default: 1d)"
    )
    made.add_argument("--until", type=point, help="before then")
    made.add_argument("-n", type=int, default=20, dest="count", help="how many (default: 20)")
    made.add_argument("--model", help="calls that asked for this model")
    made.add_argument(
        "--application", "--service", dest="service", metavar="NAME", help="calls of this one"
    )
    made.add_argument("--kind", help="such as invalid_request, rate_limit or truncated")
    made.add_argument("--signature", help="the one with this signature")
    made.set_defaults(complain=made.error)
    return made


def _print(core: CoreClient, options: argparse.Namespace) -> int:
    chosen = {name: getattr(options, name) for name in _FILTERS}
    period = {"since": options.since, "until": options.until}
    found = core.get("/failures", **period, **chosen, limit=options.count)
    groups = found["failures"]
    if options.json:
        print(json.dumps(groups, indent=2))
        return 0
    if not groups:
        such = "such call" if any(chosen.values()) else "call"
        print(f"No {such} has failed since {clock(found['since'])}.")
        return 0
    titles = ("COUNT", "OF ALL", "PROVIDER", "OPERATION", "FAILURE", "LAST SEEN")
    first, *lines = table(titles, [_row(group) for group in groups], whole=titles[-1:])
    print(first)
    for group, line in zip(groups, lines):
        print(line)
        for text in _about(group):
            print(cut(f"       {clean(text)}", width()))
    print(*_next(groups), sep="\n")
    return 0


def _about(group: Dict[str, Any]) -> Iterator[str]:
    """Yield what is known of a group beside its row, a line each."""
    yield f"first seen: {clock(group['first_seen'])}"
    applications = [f"{name or '-'} {count:,}" for name, count in group["applications"].items()]
    cures = [f"{each['name']} is {each['state']}" for each in group["patterns"]]
    for label, values in (
        ("models", group["models"]),
        ("applications", applications),
        ("healed", [str(group["healed"])] if group["healed"] else []),
        ("signature", [group["signature"]]),
        ("learned from it", cures),
    ):
        if values:
            yield f"{label}: {', '.join(values)}"
    words = group["template"] or group["message"]
    if words:
        yield words


def _next(groups: Sequence[Dict[str, Any]]) -> Iterator[str]:
    """Yield what to type next, for the most frequent one."""
    yield ""
    yield f"  arc calls --signature {groups[0]['signature']}   the calls of the first one"
    for each in groups[0]["patterns"][:1]:
        name = quoted_name(each["name"])
        yield f"  arc rollouts show {name}   how the fix for it stands"


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
