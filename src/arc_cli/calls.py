"""`arc calls`: finished calls, the newest first, or one of them with what was said."""

from __future__ import annotations

import argparse
import itertools
import json
from typing import Any, Dict, List, Sequence, Tuple

from arc_cli.command import client, connection_options, run
from arc_cli.core_client import CoreClient, quoted
from arc_cli.layout import clean, clock, table
from arc_cli.periods import point

_PAGE = 1000
_TITLES = ("TIME", "SPAN ID", "SERVICE", "MODEL", "MS", "RESULT")
_FILTERS = ("model", "service", "failed", "error_code", "signature", "pattern", "session")


def main(argv: Sequence[str]) -> int:
    """Print calls."""
    parser = argparse.ArgumentParser(
        prog="arc calls", description=__doc__, parents=[connection_options(), filter_options()]
    )
    parser.add_argument("span_id", nargs="?", metavar="SPAN_ID", help="show this call in full")
    parser.add_argument("--trace", metavar="TRACE_ID", help="show the calls of a trace in full")
    parser.add_argument("--since", type=point, help="from 30m, 2h or 1d ago on, or a time")
    parser.add_argument("--until", type=point, help="before then")
    parser.add_argument("-n", type=int, default=20, dest="count", help="how many (default: 20)")
    options = parser.parse_args(argv)
    if options.span_id and options.trace:
        parser.error("give either SPAN_ID or --trace")
    if options.count < 1:
        parser.error("-n must be at least 1")
    return run("arc calls", lambda: _print(client(options), options))


def filter_options() -> argparse.ArgumentParser:
    """Return the options that choose calls; a parent for parsers."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--failed", action="store_const", const=True, help="failed calls alone")
    parser.add_argument("--model", help="calls that asked for this model")
    parser.add_argument("--service", help="calls of this application")
    parser.add_argument("--error-code", metavar="CODE", help="calls with this code of an error")
    parser.add_argument("--signature", help="calls that failed alike, as arc failures says")
    parser.add_argument("--pattern", metavar="NAME", help="calls that this pattern matched")
    parser.add_argument("--session", help="calls of this agent run or conversation")
    return parser


def filters(options: argparse.Namespace) -> Dict[str, Any]:
    """Return the choice as parameters of Core's interface."""
    return {name: getattr(options, name) for name in _FILTERS}


def _row(call: Dict[str, Any]) -> Tuple[Any, ...]:
    return (
        clock(call["start_time"]),
        call["span_id"],
        call["service"],
        call["request_model"],
        round(call["duration_ms"] or 0),
        ", ".join(filter(None, (result(call), fix(call)))),
    )


def result(call: Dict[str, Any]) -> str:
    """Return how a call ended."""
    healed = call["heal_outcome"] == "healed"
    if call["failure_kinds"] and not call["failed"]:
        named = call["error_code"] if call["failure_kinds"] == ["feedback"] else ""
        return " ".join(filter(None, (", ".join(call["failure_kinds"]), named)))
    if not (call["failed"] or healed):
        return "ok"
    words = (call["status_code"], call["error_code"] or call["error_type"], call["error_param"])
    said = " ".join(str(word) for word in words if word) or "failed"
    return said if call["failed"] else f"healed: {said}"


def fix(call: Dict[str, Any]) -> str:
    """Return what became of the fix, and of which patterns; empty if there was none."""
    if call["fix_outcome"] in ("", "none"):
        return ""
    return f"{call['fix_outcome']}: {', '.join(call['pattern_ids'])}"


def tokens(call: Dict[str, Any]) -> str:
    """Return the tokens that went in and came out."""
    counts = (call["input_tokens"], call["output_tokens"])
    return "/".join("-" if count is None else str(count) for count in counts)


def _print(core: CoreClient, options: argparse.Namespace) -> int:
    if options.span_id:
        found = [core.get(f"/calls/{quoted(options.span_id)}")]
    elif options.trace:
        found = core.get(f"/traces/{quoted(options.trace)}")["calls"]
    else:
        limit = min(options.count, _PAGE)
        period = {"since": options.since, "until": options.until}
        pages = core.pages("/calls", "calls", limit=limit, **period, **filters(options))
        found = [*itertools.islice(pages, options.count)]
    if options.json:
        print(json.dumps(found[0] if options.span_id else found, indent=2))
    elif options.span_id or options.trace:
        print("\n\n".join("\n".join(_in_full(call)) for call in found))
    elif found:
        print(*table(_TITLES, [_row(call) for call in found], whole=_TITLES[:2]), sep="\n")
    else:
        print("There are no such calls.")
    return 0


def _in_full(call: Dict[str, Any]) -> List[str]:
    """Return everything that is known of a call, one line each."""
    lines = []
    for name, value in call.items():
        if value in (None, "", [], {}):
            continue
        shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        lines.append(f"{name + ':':18} {clean(shown)}")
    return lines
