"""The `arc` command."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Optional, Sequence

from arc_cli.parser import Parser
from arc_protocol.version import __version__

_COMMANDS = {
    "core": ("arc_core._server.command", "run Arc Core, the service behind a fleet of Runtimes"),
    "demo": ("arc_cli.demo", "see Arc at work, without a key and without a network"),
    "simulate": ("arc_simulator", "run a provider simulator that fails as the real ones do"),
    "run": ("arc_cli.run", "run a program under Arc without changing it"),
    "patterns": ("arc_cli.patterns", "list, add, pause, roll back, import, export ... patterns"),
    "rollouts": ("arc_cli.rollouts", "show how the trials of patterns stand"),
    "replay": ("arc_cli.replay", "say what a pattern would have done to recorded calls"),
    "keys": ("arc_cli.keys", "make, list and revoke API keys"),
    "status": ("arc_cli.status", "show how Arc Core is and which Runtimes are connected"),
    "tail": ("arc_cli.tail", "show calls as they arrive"),
    "failures": ("arc_cli.failures", "show what fails, the most frequent first"),
    "calls": ("arc_cli.calls", "show finished calls"),
    "doctor": ("arc_cli.doctor", "look at everything that Arc needs, and say what to do"),
    "completion": ("arc_cli.completion", "print what makes a shell complete arc's words"),
    "config": ("arc_cli.config", "show every setting, its value and where it comes from"),
}
"""Commands by name: the module with `main(arguments)`, and what the command does."""


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command that the arguments name; return the exit code."""
    parser = Parser(prog="arc", description="The reliability layer for LLM agents.")
    parser.add_argument("--version", action="version", version=f"arc {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, (_, meaning) in _COMMANDS.items():
        commands.add_parser(name, help=meaning, add_help=False)
    if "_ARGCOMPLETE" in os.environ:  # a shell asks what may come next
        from arc_cli.completion import complete

        complete(parser, commands.choices, {name: each for name, (each, _) in _COMMANDS.items()})
    arguments = list(sys.argv[1:] if argv is None else argv)
    # what follows the command's name is the command's own affair
    command = parser.parse_args(arguments[:1]).command
    if command is None:
        parser.print_help()
        return 2
    try:
        module = importlib.import_module(_COMMANDS[command][0])
    except ImportError as problem:
        print(
            f"arc {command} needs more than the base install ({problem}): "
            'pip install "arc-runtime[core]" openai',
            file=sys.stderr,
        )
        return 1
    result: int = module.main(arguments[1:])
    return result
