"""`arc completion`: print what makes a shell complete commands, options and names of patterns."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import sys
from typing import Any, Dict, Mapping, Sequence

from arc_cli.parser import Parser

_SHELLS = ("bash", "zsh", "fish")
_HOW = """for this shell:        eval "$(arc completion bash)"
for all that follow:   echo 'eval "$(arc completion bash)"' >> ~/.bashrc
fish:                  arc completion fish > ~/.config/fish/completions/arc.fish
"""


def main(argv: Sequence[str]) -> int:
    """Print the shell's code."""
    options = parser().parse_args(argv)
    try:
        from argcomplete.shell_integration import shellcode
    except ImportError:
        print(
            "arc completion: Completion needs a package more: pip install argcomplete",
            file=sys.stderr,
        )
        return 1
    print(shellcode(["arc"], shell=options.shell))
    return 0


def parser() -> Parser:
    """Return what the command takes."""
    made = Parser(
        prog="arc completion",
        description=__doc__,
        epilog=_HOW,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("shell", choices=_SHELLS, help="zsh needs its bashcompinit")
    return made


def complete(
    root: argparse.ArgumentParser, commands: Dict[str, Any], modules: Mapping[str, str]
) -> None:
    """Answer the shell, and end the process; of the commands, load the one that is typed."""
    import argcomplete

    typed = os.environ.get("COMP_LINE", "").split()[1:2]
    for name in typed:
        # a command that needs more than the base install is completed by its name alone
        with contextlib.suppress(KeyError, ImportError):
            commands[name] = importlib.import_module(modules[name]).parser()
    argcomplete.autocomplete(root)
