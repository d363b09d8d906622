"""`arc tail`: calls as they arrive at Arc Core."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any, Dict, Sequence

from arc_cli.calls import filter_options, filters, fix, result, tokens
from arc_cli.command import client, connection_options, run
from arc_cli.core_client import CoreClient, CoreError
from arc_cli.layout import clean, clock, cut, width
from arc_cli.parser import Parser

_RETRY_S = 1.0


def main(argv: Sequence[str]) -> int:
    """Print calls until interrupted."""
    options = parser().parse_args(argv)
    if options.count is not None and options.count < 1:
        options.complain("-n must be at least 1")
    return run("arc tail", lambda: _print(client(options), options))


def parser() -> Parser:
    """Return what the command takes."""
    made = Parser(
        prog="arc tail", description=__doc__, parents=[connection_options(), filter_options()]
    )
    made.add_argument("-n", type=int, dest="count", help="end after so many calls")
    made.set_defaults(complain=made.error)
    return made


def _print(core: CoreClient, options: argparse.Namespace) -> int:
    left = options.count
    connected = False
    while True:
        try:
            for name, value in core.events("/calls/stream", **filters(options)):
                if name == "connected":
                    _note("again there" if connected else f"watching {core.url}")
                    connected = True
                elif name == "dropped":
                    _note(f"{value['count']} calls left out, they come too fast")
                elif name == "feedback" and not options.json:
                    print(_said(value), flush=True)
                elif name == "call":
                    print(json.dumps(value) if options.json else _line(value), flush=True)
                    if left is not None:
                        left -= 1
                        if not left:
                            return 0
            _note("Arc Core has ended the connection; trying again")
        except CoreError:
            if not connected:
                raise
        time.sleep(_RETRY_S)


def _note(text: str) -> None:
    """Tell what is no call, apart from the calls."""
    print(f"arc tail: {text}", file=sys.stderr, flush=True)


def _said(feedback: Dict[str, Any]) -> str:
    """Return what somebody says of a reply, under the calls."""
    words = (feedback["outcome"], feedback["label"], feedback["explanation"])
    parts = [
        clock(feedback["given_at"]),
        clean(feedback["service"] or "-"),
        f"feedback by {clean(feedback['source'] or 'somebody')}",
        ": ".join(clean(word) for word in words if word) or f"score {feedback['score']}",
        f"on {feedback['call_span_id'] or clean(feedback['response_id'])}",
    ]
    return cut("  ".join(parts), width())


def _line(call: Dict[str, Any]) -> str:
    parts = [
        clock(call["start_time"]),
        clean(call["service"] or "-"),
        clean(call["request_model"] or call["operation"]),
        f"{round(call['duration_ms'] or 0)} ms",
        tokens(call),
        clean(result(call)),
    ]
    if fix(call):
        fields = f" ({', '.join(call['fix_fields'])})" if call["fix_fields"] else ""
        parts.append(clean(f"{fix(call)}{fields}"))
    return cut("  ".join(parts), width())
