"""A provider simulator: speaks the APIs of LLM providers over HTTP and fails by rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional, Sequence

if TYPE_CHECKING:
    from argparse import ArgumentParser


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the simulator from command-line arguments until it is told to stop."""
    from arc_simulator.command import main as run

    return run(argv)


def parser() -> ArgumentParser:
    """Return what the command line takes."""
    from arc_simulator.command import parser as made

    return made()
