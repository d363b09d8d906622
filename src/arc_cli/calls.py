"""`arc calls`: finished calls, the newest first, or one of them with what was said."""

from __future__ import annotations

import argparse
import itertools
import json
from typing import Any, Dict, Iterator, List, Sequence, Tuple

from arc_cli import changes
from arc_cli.command import client, connection_options, run
from arc_cli.core_client import CoreClient, CoreError, quoted
from arc_cli.layout import clean, clock, cut, quoted_name, table, width
from arc_cli.parser import Parser
from arc_cli.periods import point
from arc_protocol.patterns.built_in import BUILT_IN

_PAGE = 1000
_TITLES = ("TIME", "SPAN ID", "SERVICE", "MODEL", "MS", "RESULT")
_MATCHED = {
    "applied": "Changed",
    "shadow": "Watched",
    "skipped_control": "Left alone to compare",
    "rejected": "Not changed",
}
_WIDE = 60
_FILTERS = ("model", "service", "failed", "error_code", "signature", "pattern", "session")


def main(argv: Sequence[str]) -> int:
    """Print calls."""
    options = parser().parse_args(argv)
    if options.span_id and options.trace:
        options.complain("give either SPAN_ID or --trace")
    if options.count < 1:
        options.complain("-n must be at least 1")
    return run("arc calls", lambda: _print(client(options), options))


def parser() -> Parser:
    """Return what the command takes."""
    made = Parser(
        prog="arc calls", description=__doc__, parents=[connection_options(), filter_options()]
    )
    made.add_argument("span_id", nargs="?", metavar="SPAN_ID", help="show this call in full")
    made.add_argument("--trace", metavar="TRACE_ID", help="show the calls of a trace in full")
    made.add_argument("--since", type=point, help="from 30m, 2h or 1d ago on, or a time")
    made.add_argument("--until", type=point, help="before then")
    made.add_argument("-n", type=int, default=20, dest="count", help="how many (default: 20)")
    made.set_defaults(complain=made.error)
    return made


def filter_options() -> argparse.ArgumentParser:
    """Return the options that choose calls; a parent for parsers."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--failed", action="store_const", const=True, help="failed calls alone")
    parser.add_argument("--model", help="calls that asked for this model")
    parser.add_argument(
        *("--service", "--application"), dest="service", help="calls of this application"
    )
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
    elif options.span_id:
        print(*_in_short(core, found[0]), "", *_in_full(found[0]), "", sep="\n")
        print(*_next(found[0]), sep="\n")
    elif options.trace:
        print("\n\n".join("\n".join(_in_full(call)) for call in found))
    elif found:
        print(*table(_TITLES, [_row(call) for call in found], whole=_TITLES[:2]), sep="\n")
    else:
        print("There are no such calls.")
    return 0


def _in_short(core: CoreClient, call: Dict[str, Any]) -> Iterator[str]:
    """Yield how a call went, what Arc changed in it and what did that."""
    parts = [
        clock(call["start_time"]),
        clean(call["service"] or "-"),
        clean(call["request_model"] or call["operation"]),
        f"{round(call['duration_ms'] or 0)} ms",
        f"{tokens(call)} tokens",
        clean(result(call)),
    ]
    yield "  ".join(parts)
    if call["error_message"]:
        yield cut(clean(call["error_message"]), width())
    for name, revision in zip(call["pattern_ids"], call["pattern_revisions"]):
        yield f"{_MATCHED.get(call['fix_outcome'], 'Matched')} by {_pattern(core, name, revision)}"
    for line in changes.lines(call["fix_diff"], call["request"]):
        yield cut(f"  {clean(line)}", width())


def _pattern(core: CoreClient, name: str, revision: int) -> str:
    """Return which pattern is meant, and how it stands now."""
    try:
        found = core.get(f"/patterns/{quoted(name)}")
    except CoreError as problem:
        if problem.status != 404:
            raise
        if name in BUILT_IN:
            return f"{clean(name)}, which is built into Arc Runtime"
        return f"{clean(name)}, which the application has registered itself"
    now = f"{found['state']} now"
    if found["revision"] != revision:
        now += f", with revision {found['revision']}"
    return f"{clean(name)}, revision {revision} ({now})"


def _next(call: Dict[str, Any]) -> Iterator[str]:
    """Yield what to type next."""
    steps = [
        line
        for name in map(quoted_name, call["pattern_ids"][:1])
        for line in (
            (f"arc patterns show {name}", "what it matches, and what speaks for it"),
            (f"arc patterns pause {name}", "stop it in all Runtimes"),
            (f"arc replay {name}", "what it would do to the calls of the last week"),
        )
    ]
    if call["failure_signature"]:
        signature = call["failure_signature"]
        steps.append((f"arc failures --signature {signature}", "how often it fails so, and where"))
        steps.append((f"arc calls --signature {signature}", "the calls that failed alike"))
    steps.append((f"arc calls --trace {call['trace_id']}", "all calls of its trace"))
    longest = max(len(command) for command, _ in steps)
    for command, meaning in steps:
        yield f"  {command.ljust(longest)}   {meaning}" if longest <= _WIDE else f"  {command}"


def _in_full(call: Dict[str, Any]) -> List[str]:
    """Return everything that is known of a call, one line each."""
    lines = []
    for name, value in call.items():
        if value in (None, "", [], {}):
            continue
        shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        lines.append(f"{name + ':':18} {clean(shown)}")
    return lines
