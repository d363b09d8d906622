"""What the demo says, within 80 columns, and what it claims."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import List, Sequence

from arc_cli.demo.children import DemoError, environment, run

_WIDTH = 80


def say(*lines: str) -> None:
    """Print lines at once, also into a pipe."""
    print(*lines, sep="\n", flush=True)


def headline(text: str) -> None:
    """Print the title of a part."""
    say("", f"== {text} ".ljust(_WIDTH, "="))


def cut(text: str, most: int) -> str:
    """Return a text, shortened if it is longer than that."""
    return text if len(text) <= most else f"{text[: most - 2]}.."


def typed(*arguments: str, folder: Path, core_url: str) -> None:
    """Print a command of `arc` as a person would type it, run it, and print what it prints."""
    say("", *_as_typed(["arc", *arguments]))
    env = environment(folder, ARC_CORE_URL=core_url, COLUMNS=str(_WIDTH))
    done = run("arc_cli", *arguments, folder=folder, env=env)
    say(*done.out.splitlines(), *done.err.splitlines())
    if done.code:
        raise DemoError(f"`arc {' '.join(arguments[:2])}` ended with code {done.code}.")


def _as_typed(command: Sequence[str]) -> List[str]:
    lines = ["$"]
    for word in map(shlex.quote, command):
        if len(lines[-1]) + len(word) + len("  \\") > _WIDTH:
            lines[-1] += " \\"
            lines.append("   ")
        lines[-1] += f" {word}"
    return lines


class Claims:
    """What the demo claims; what did not happen is told at the end."""

    def __init__(self) -> None:
        self._broken: List[str] = []

    def check(self, happened: bool, claim: str) -> None:
        """Note whether what is claimed happened."""
        if not happened:
            self._broken.append(claim)

    def verdict(self) -> int:
        """Say what did not happen; return the exit code."""
        if not self._broken:
            return 0
        print("\nThe demo did NOT show what it claims:", file=sys.stderr)
        for claim in self._broken:
            print(f"  not so: {claim}", file=sys.stderr)
        return 1
