"""What all commands that ask Core have in common: options, exit codes, faults."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Callable

from arc_cli.core_client import DEFAULT_URL, CoreClient, TlsFiles
from arc_protocol.errors import ArcError


def connection_options() -> argparse.ArgumentParser:
    """Return the options that say which Core to ask, and how to print; a parent for parsers."""
    parser = argparse.ArgumentParser(add_help=False)
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
