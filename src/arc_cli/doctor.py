"""`arc doctor`: look at everything that Arc needs here, and say what to do where something is."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import sys
import textwrap
from typing import Callable, Iterable, Iterator, List, Sequence, Tuple

from arc_cli import doctor_machine, doctor_program, doctor_receiver
from arc_cli.doctor_finding import OK, PROBLEM, WARNING, Finding
from arc_cli.parser import Parser
from arc_protocol.version import __version__
from runtime import _config

_INDENT = " " * 26


def main(argv: Sequence[str]) -> int:
    """Print what was found; return 1 if something does not work as it is set."""
    options = parser().parse_args(argv)
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # what it logs is in our sentences
    try:
        findings = _print(_findings(), as_json=options.json)
    except KeyboardInterrupt:
        return 130
    return int(any(each.level == PROBLEM for each in findings))


def parser() -> Parser:
    """Return what the command takes."""
    made = Parser(prog="arc doctor", description=__doc__)
    made.add_argument("--json", action="store_true", help="print JSON, for programs")
    return made


def _findings() -> Iterator[Finding]:
    with _complaints() as said:
        settings = _config.read({})
    checks: Tuple[Tuple[str, Callable[[], Iterable[Finding]]], ...] = (
        ("settings", lambda: doctor_program.settings(settings, said, os.environ)),
        ("python", doctor_program.python),
        ("sdk", doctor_program.sdks),
        ("metrics port", lambda: doctor_machine.metrics_port(settings.metrics_port)),
        ("cache folder", lambda: doctor_machine.cache_folder(settings)),
        ("endpoint", lambda: doctor_receiver.endpoint(settings, os.environ)),
    )
    for name, check in checks:
        yield from _guarded(name, check)


def _guarded(name: str, check: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    try:
        yield from check()
    except Exception as fault:
        found = f"the check itself has failed: {type(fault).__name__}: {fault}"
        yield Finding(name, PROBLEM, found, "please report this as a fault of Arc")


@contextlib.contextmanager
def _complaints() -> Iterator[List[str]]:
    """Collect what Arc would log in an application."""
    messages: List[str] = []
    logger, handler = logging.getLogger("arc"), logging.Handler(logging.WARNING)
    handler.emit = lambda record: messages.append(record.getMessage())  # type: ignore[method-assign]
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield messages
    finally:
        logger.removeHandler(handler)
        logger.propagate = True


def _print(findings: Iterator[Finding], *, as_json: bool) -> List[Finding]:
    if as_json:
        every = list(findings)
        report = {
            "arc": __version__,
            "ok": not any(each.level == PROBLEM for each in every),
            "findings": [each._asdict() for each in every],
        }
        print(json.dumps(report, indent=2))
        return every
    print(f"Arc {__version__}, {sys.executable}\n")
    every = []
    for each in findings:
        every.append(each)
        print(_lines(each), flush=True)
    counted = [
        f"{count} {level}{'s' if count > 1 else ''}"
        for level in (PROBLEM, WARNING)
        for count in [sum(each.level == level for each in every)]
        if count
    ]
    print(f"\n{' and '.join(counted) or 'everything is as it should be'}.")
    return every


def _lines(finding: Finding) -> str:
    columns = max(60, min(shutil.get_terminal_size().columns, 120))
    mark = {OK: "ok", WARNING: "warning", PROBLEM: "PROBLEM"}[finding.level]
    shown = textwrap.fill(
        finding.found,
        columns,
        initial_indent=f"{mark:9} {finding.check:15} ",
        subsequent_indent=_INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
    if finding.advice:
        advice = textwrap.fill(
            finding.advice,
            columns,
            initial_indent=f"{_INDENT}-> ",
            subsequent_indent=f"{_INDENT}   ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        shown = f"{shown}\n{advice}"
    return shown
