"""`arc rollouts`: how the trials of patterns stand, and what each waits for."""

from __future__ import annotations

import argparse
import json
import textwrap
from typing import Any, Dict, List, Optional, Sequence

from arc_cli.command import client, connection_options, pattern_names, run
from arc_cli.core_client import CoreClient, quoted
from arc_cli.layout import amount, clean, clock, cut, percent, table, width
from arc_cli.parser import Parser, completed_by
from arc_cli.states import STATES


def main(argv: Sequence[str]) -> int:
    """Print all trials, or one of them."""
    arguments = list(argv)
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in ("-h", "--help")):
        arguments = ["list", *arguments]
    options = parser().parse_args(arguments)
    action = _show if options.verb == "show" else _list
    return run("arc rollouts", lambda: action(client(options), options))


def parser() -> Parser:
    """Return what the command takes."""
    made = Parser(prog="arc rollouts", description=__doc__)
    common = connection_options()
    verbs = made.add_subparsers(dest="verb", metavar="VERB")
    listing = verbs.add_parser("list", help="list trials; the default", parents=[common])
    showing = verbs.add_parser("show", help="show one trial with its numbers", parents=[common])
    listing.add_argument("--state", choices=STATES, metavar="STATE", help=", ".join(STATES))
    listing.add_argument("--waiting", action="store_true", help="those that wait for approval")
    named = showing.add_argument("name", metavar="NAME", help="name of the pattern")
    completed_by(named, pattern_names)
    return made


def _list(core: CoreClient, options: argparse.Namespace) -> int:
    waiting = True if options.waiting else None
    found = list(
        core.pages("/rollouts", "rollouts", state=options.state, waiting=waiting, limit=1000)
    )
    if options.json:
        print(json.dumps(found, indent=2))
        return 0
    if not found:
        print("No pattern waits for a yes." if waiting else "No pattern is on trial or proven.")
        return 0
    titles = ("NAME", "STATE", "SHARE", "WITHOUT FIX", "WITH FIX", "TIMES AS OFTEN")
    rows = [
        (
            each["name"],
            each["state"],
            _share(each["share"]),
            _failed(each["control"]),
            _failed(each["treated"]),
            _risk(each["relative_risk"]),
        )
        for each in found
    ]
    first, *lines = table(titles, rows, whole=titles[1:])
    print(first)
    for each, line in zip(found, lines):
        print(line)
        print(*_wrapped(_sentence(each)), sep="\n")
    return 0


def _show(core: CoreClient, options: argparse.Namespace) -> int:
    found = core.get(f"/rollouts/{quoted(options.name)}")
    if options.json:
        print(json.dumps(found, indent=2))
        return 0
    for line in _lines(found):
        print(cut(line, width()))
    return 0


def _lines(found: Dict[str, Any]) -> List[str]:
    name = clean(found["name"])
    lines = [
        f"{name} is {found['state']} since {clock(found['since'])}, revision {found['revision']}",
        *_wrapped(_sentence(found), indent=""),
        "",
        f"{found['calls']:,} matching {found['unit']}s seen in this state; "
        f"{_share(found['share'])} of them get the fix.",
        f"Before the trial {100 * found['rate_before']:.1f} % of them failed"
        + (f" with {clean(found['signature'])}." if found["signature"] else "."),
    ]
    if found["control"] is not None:
        lines += ["", *_comparison(found)]
    if found["guards"]:
        lines += ["", *_guards(found["guards"])]
    return [*lines, "", *_commands(found, name)]


def _comparison(found: Dict[str, Any]) -> List[str]:
    arms = (("without the fix", found["control"]), ("with the fix", found["treated"]))
    rows = [
        (title, arm["calls"], _of(arm, "failed"), _of(arm, "failed_any")) for title, arm in arms
    ]
    titled = f"{found['unit']}s".upper()
    lines = list(table(("", titled, "THIS FAILURE", "ANY FAILURE"), rows))
    risk = found["relative_risk"]
    if risk["likeliest"] is None:
        lines.append("Nothing has failed yet, so nothing is known of the effect.")
    else:
        lines += [
            f"With the fix {found['unit']}s have this failure {amount(risk['likeliest'])} times "
            "as often;",
            f"{_range(risk)} with 95 %, whenever one looks.",
        ]
    if found["needed"] is not None and found["state"] == "canary":
        lines += [
            f"Evidence that it helps: {amount(found['benefit'])} for this failure, "
            f"{amount(found['benefit_any'])} for any;",
            f"proven when both reach {amount(found['needed'])}.",
        ]
    return lines


def _guards(guards: Sequence[Dict[str, Any]]) -> List[str]:
    rows = [
        (each["watches"], each["state"], amount(each["evidence"]), amount(each["limit"]))
        for each in guards
    ]
    titles = ("WORSE WITH THE FIX?", "GUARD", "EVIDENCE", "TRIPS AT")
    return list(table(titles, rows, whole=titles))


def _commands(found: Dict[str, Any], name: str) -> List[str]:
    lines = []
    if found["proposed"] is not None:
        step = found["proposed"]
        lines += [
            f"It may become {step['to']}, for {_share(step['share'])} of the calls: "
            f"{clean(step['reason'])}.",
            f"  arc patterns approve {name}     let it",
        ]
    if found["state"] in ("shadow", "rescue", "canary", "active"):
        lines.append(f"  arc patterns pause {name}       stop it now, everywhere")
    if found["state"] == "paused":
        lines.append(f"  arc patterns resume {name}      put it in force")
    return [
        *lines,
        f"  arc patterns history {name}     every step and what led to it",
        f"  arc patterns show {name}        what it matches and changes",
    ]


def _sentence(found: Dict[str, Any]) -> str:
    text = clean(found["waits_for"])
    return f"{text[:1].upper()}{text[1:]}."


def _wrapped(text: str, indent: str = "  ") -> List[str]:
    return textwrap.wrap(
        text,
        width() or 100,
        initial_indent=indent,
        subsequent_indent=indent,
        break_on_hyphens=False,
    )


def _share(share: float) -> str:
    return f"{100 * share:.0f} %"


def _failed(arm: Optional[Dict[str, Any]]) -> str:
    return "" if arm is None else f"{arm['failed']:,} of {arm['calls']:,} fail"


def _of(arm: Dict[str, Any], which: str) -> str:
    return f"{arm[which]:,} ({percent(arm[which], arm['calls'])})"


def _risk(risk: Optional[Dict[str, Any]]) -> str:
    if risk is None or risk["likeliest"] is None:
        return ""
    high = "?" if risk["high"] is None else amount(risk["high"])
    return f"{amount(risk['likeliest'])} ({amount(risk['low'])} to {high})"


def _range(risk: Dict[str, Any]) -> str:
    if risk["high"] is None:
        return f"{amount(risk['low'])} times or more"
    return f"between {amount(risk['low'])} and {amount(risk['high'])} times"
