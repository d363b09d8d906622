"""A process that works on a registry: `python worker.py URL WORK [NAME]`."""

from __future__ import annotations

import sys
from itertools import count

from arc_core.registry.lifecycle import State
from arc_core.registry.registry import Registry

STEPS = 10


def document(name: str, to: float) -> dict[str, object]:
    return {"name": name, "pattern": {"temperature": {">": 0.9}}, "fix": {"temperature": to}}


def say(word: object) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def change(registry: Registry, name: str) -> None:
    """Add revisions of one shared pattern and one of our own, pausing and waking the latter."""
    for number in range(STEPS):
        registry.add_pattern(
            "p", document("shared", float(f"{ord(name)}.{number + 1}")), author=name
        )
        registry.add_pattern("p", document(name, number), author=name)
        registry.transition("p", name, State.PAUSED, author=name, reason="")
        registry.transition("p", name, State.ACTIVE, author=name, reason="")


def add_forever(registry: Registry, name: str) -> None:
    """Say each revision once it is kept."""
    for number in count(1):
        say(registry.add_pattern("p", document(name, number), author=name).revision)


def add_once(registry: Registry, name: str) -> None:
    registry.add_pattern("p", document(name, 0.5), author=name)


def read(registry: Registry, name: str) -> None:
    say(registry.pattern_set("p").epoch)


WORK = {"change": change, "add_forever": add_forever, "add_once": add_once, "read": read}


def main(url: str, work: str, name: str = "worker") -> None:
    """Open when there is a line to read, so that several open at the same moment."""
    say("ready")
    sys.stdin.readline()
    registry = Registry.open(url)
    WORK[work](registry, name)
    registry.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
