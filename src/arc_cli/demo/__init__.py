"""`arc demo`: Arc at work against a provider that refuses requests, first in one program, then
in three applications behind one Arc Core. Everything runs on this machine and ends by itself."""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Sequence

from arc_cli.core_client import CoreError
from arc_cli.demo import fleet, interrupts, side_by_side, summary
from arc_cli.demo.children import DemoError, Place
from arc_cli.demo.terminal import Claims, say

for _name in ("chdb", "openai", "uvicorn"):
    if importlib.util.find_spec(_name) is None:  # told here, not by a process that ends at once
        raise ImportError(f"No module named {_name!r}")


def main(argv: Sequence[str]) -> int:
    """Run the demo; return 1 when something that it claims did not happen, 130 after Ctrl-C."""
    argparse.ArgumentParser(prog="arc demo", description=__doc__).parse_args(argv)
    began = time.monotonic()
    claims = Claims()
    try:
        interrupts.become_exceptions()
        with ExitStack() as ends:
            folder = tempfile.TemporaryDirectory(prefix="arc-demo-", ignore_cleanup_errors=True)
            place = Place(Path(ends.enter_context(folder)), ends)
            side_by_side.show(place, claims)
            running = fleet.Fleet(place)
            summary.show(running.applications, running.run(), claims)
    except (DemoError, CoreError) as problem:
        print(f"\narc demo: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\narc demo: stopped; whatever it had started has ended.", file=sys.stderr)
        return 130
    code = claims.verdict()
    if code == 0:
        say(
            "",
            "Every call that failed without Arc succeeded with it, and one pattern cured",
            "three applications while they ran. Core's death disturbed none of them.",
        )
    say(f"That took {time.monotonic() - began:.0f} s.")
    return code
