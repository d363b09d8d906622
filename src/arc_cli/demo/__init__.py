"""`arc demo`: Arc at work against a provider that refuses requests: in one program, in three
applications behind one Arc Core where a person pushes a pattern, and where nobody does anything.
Everything runs on this machine and ends by itself."""

from __future__ import annotations

import importlib.util
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Sequence

from arc_cli.core_client import CoreError
from arc_cli.demo import fleet, interrupts, loop, loop_summary, side_by_side, summary
from arc_cli.demo.children import DemoError, Place
from arc_cli.demo.terminal import Claims, say
from arc_cli.parser import Parser

for _name in ("chdb", "openai", "uvicorn"):
    if importlib.util.find_spec(_name) is None:  # told here, not by a process that ends at once
        raise ImportError(f"No module named {_name!r}")


def main(argv: Sequence[str]) -> int:
    """Run the demo; return 1 when something that it claims did not happen, 130 after Ctrl-C."""
    parser().parse_args(argv)
    began = time.monotonic()
    claims = Claims()
    try:
        interrupts.become_exceptions()
        with ExitStack() as ends:
            folder = tempfile.TemporaryDirectory(prefix="arc-demo-", ignore_cleanup_errors=True)
            path = Path(ends.enter_context(folder))
            side_by_side.show(Place(path, ends), claims)
            with ExitStack() as part:
                pushed = fleet.Fleet(_room(path, "fleet", part))
                summary.show(pushed.applications, pushed.run(), claims)
            with ExitStack() as part:
                learned = loop.Loop(_room(path, "loop", part))
                loop_summary.show(learned.applications, learned.run(), claims)
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
            "Every call that failed without Arc succeeded with it. One pattern of a person",
            "cured three applications while they ran, and Core's death disturbed none of",
            "them. Then Core learned one by itself, let go of it, and knew it again.",
        )
    say(f"That took {time.monotonic() - began:.0f} s.")
    return code


def parser() -> Parser:
    """Return what the command takes."""
    return Parser(prog="arc demo", description=__doc__)


def _room(folder: Path, name: str, ends: ExitStack) -> Place:
    """Return a folder of a part's own; its processes end with `ends`."""
    room = folder / name
    room.mkdir()
    return Place(room, ends)
