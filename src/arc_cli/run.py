"""`arc run`: run a program under Arc without changing it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Dict, Mapping, Sequence

from arc_cli.parser import Parser
from runtime import _config, providers

SITE = Path(__file__).parent / "run_site"
"""Holds the sitecustomize.py that activates Arc in the program."""
_USAGE = """\
usage: arc run PROGRAM.py [ARGUMENT ...]
       arc run -m MODULE [ARGUMENT ...]
       arc run -c CODE [ARGUMENT ...]

Run a Python program, and the Python processes that it starts, with every LLM call protected. The
program needs no change; settings come from the environment and from [tool.arc] (see arc config).
"""


def main(argv: Sequence[str]) -> int:
    """Become the program; return an exit code only where that is not possible."""
    if not argv or argv[0] in ("-h", "--help"):
        print(_USAGE, end="", file=sys.stdout if argv else sys.stderr)
        return 0 if argv else 2
    complaint = _complaint(argv)
    if complaint:
        print(f"arc run: {complaint}", file=sys.stderr)
        return 2
    # the interpreter's own options, such as -X dev, which multiprocessing takes from there as well
    options = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    command = [sys.executable, *options, *argv]
    environment = _environment(os.environ)
    if os.name != "nt":  # which can only start a process beside the one that waits for it
        sys.stdout.flush()
        sys.stderr.flush()
        os.execve(sys.executable, command, environment)
    return subprocess.call(command, env=environment)


def parser() -> Parser:
    """Return what a shell may offer; all that follows the program is its own affair."""
    made = Parser(prog="arc run")
    made.add_argument("-m", metavar="MODULE", dest="module")
    made.add_argument("-c", metavar="CODE", dest="code")
    made.add_argument("program", nargs="?")
    made.add_argument("arguments", nargs="...")
    return made


def _complaint(argv: Sequence[str]) -> str:
    if sys.flags.ignore_environment or sys.flags.no_site:
        return "an interpreter with -I, -E or -S cannot be told to start Arc: leave them out."
    first = argv[0]
    if first.startswith("-"):
        if first[:2] not in ("-m", "-c"):
            return (
                f"{first} is neither a program nor -m or -c; options of the interpreter go to it: "
                f"python {first} -m arc_cli run ..."
            )
    elif not os.path.exists(first):
        return f"there is no file {first}; for a module, write: arc run -m {first}"
    return ""


def _environment(environ: Mapping[str, str]) -> Dict[str, str]:
    """Return the environment in which Python activates Arc as soon as an SDK is imported."""
    logging.disable()  # the program says what is wrong with its settings
    disabled = _config.read({}).disable
    logging.disable(logging.NOTSET)
    if disabled:
        return dict(environ)
    path = [str(SITE), *filter(None, environ.get("PYTHONPATH", "").split(os.pathsep))]
    names = ",".join(provider.SDK for provider in providers.discover())
    return {**environ, "PYTHONPATH": os.pathsep.join(path), "ARC_RUN": names}
