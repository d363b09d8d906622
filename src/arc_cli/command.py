"""What all commands that ask Core have in common: options, exit codes, faults."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Callable, List

from arc_cli.core_client import DEFAULT_URL, CoreClient, TlsFiles
from arc_cli.parser import Parser
from arc_protocol.errors import ArcError
from arc_protocol.patterns.built_in import BUILT_IN

_SHELL_WAITS_S = 2.0


def connection_options() -> Parser:
    """Return the options that say which Core to ask, and how to print; a parent for parsers."""
    parser = Parser(add_help=False)
    parser.add_argument(
        "--url",
        default=os.environ.get("ARC_CORE_URL") or DEFAULT_URL,
        help=f"Arc Core's HTTP address (default: ARC_CORE_URL, or {DEFAULT_URL})",
    )
    parser.add_argument("--key", help="API key (default: ARC_API_KEY)")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    return parser


def client(options: argparse.Namespace) -> CoreClient:
    """Return a client of the Core that the options name; raises `CoreError`."""
    key = options.key or os.environ.get("ARC_API_KEY") or None
    return CoreClient(options.url, key, TlsFiles(os.environ))


def pattern_names(prefix: str, parsed_args: argparse.Namespace, **_: object) -> List[str]:
    """Return the names of patterns that begin so, for a shell; none if Core does not answer."""
    key = parsed_args.key or os.environ.get("ARC_API_KEY") or None
    try:
        core = CoreClient(parsed_args.url, key, TlsFiles(os.environ), timeout_s=_SHELL_WAITS_S)
        known = [each["name"] for each in core.pages("/patterns", "patterns", limit=1000)]
    except ArcError:
        return []
    return [name for name in (*known, *BUILT_IN) if name.startswith(prefix)]


def run(name: str, action: Callable[[], int]) -> int:
    """Do what a command does; return its exit code, 1 after one sentence for what is refused."""
    try:
        code = action()
        sys.stdout.flush()
    except ArcError as problem:
        print(f"{name}: {problem}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # whoever read has enough, as in `arc calls | head`; at exit Python would complain again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    return code
