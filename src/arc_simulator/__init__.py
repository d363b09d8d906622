"""A provider simulator: speaks the APIs of LLM providers over HTTP and fails by rules."""

from __future__ import annotations

from typing import Optional, Sequence


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the simulator from command-line arguments until it is told to stop."""
    from arc_simulator.command import main as run

    return run(argv)
