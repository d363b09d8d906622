"""`make bench-learning`, or `python -m benchmarks.learning --quick` for one world and few runs."""

from __future__ import annotations

import argparse
import multiprocessing
import shlex
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.learning.cases import DEVELOPED, HALVES
from benchmarks.learning.figures import WorldFigures, figures
from benchmarks.learning.fleet import ROOT, play
from benchmarks.learning.report import targets, write
from benchmarks.learning.seeds import run_seeds
from benchmarks.learning.studies import STUDIES, Outcome
from benchmarks.learning.worlds import DURATION_S, RATE, World, worlds

REPORT = ROOT / "docs" / "learning_report.md"


def main(arguments: Sequence[str]) -> int:
    """Measure, print, and write the report; return 1 if a target was missed."""
    options = _parser().parse_args(arguments)
    began = time.monotonic()
    played = []
    if "worlds" in options.only:
        chosen = worlds(options.seed, tuple(options.half))
        chosen = [w for w in chosen if not options.world or w.name in options.world]
        for world in chosen[: 1 if options.quick else None]:
            played.append(_play(world, options.duration, options.keep))
            _show_world(played[-1])
    outcomes = {
        name: _study(name, options.runs or (2 if options.quick else None), options.processes)
        for name in STUDIES
        if name in options.only
    }
    print()
    missed = False
    for target in targets(played, outcomes):
        missed |= not target.met
        print(f"{'met   ' if target.met else 'MISSED'} {target.name}: {target.measured}")
    if options.report:
        command = shlex.join(["python", "-m", "benchmarks.learning", *arguments])
        text = write(
            played,
            outcomes,
            seed=options.seed,
            command=command,
            took_s=time.monotonic() - began,
        )
        options.report.write_text(text, "utf-8")
        print(f"written to {options.report}")
    return int(missed)


def _parser() -> argparse.ArgumentParser:
    parts = ("worlds", *STUDIES)
    parser = argparse.ArgumentParser(prog="python -m benchmarks.learning", description=__doc__)
    add = parser.add_argument
    add("--quick", action="store_true", help="one world, and two runs of each study")
    add("--only", nargs="+", choices=parts, default=parts, metavar="PART", help=", ".join(parts))
    add("--half", nargs="+", choices=HALVES, default=list(HALVES), help="cases to play")
    add("--world", nargs="+", metavar="NAME", help="worlds to play, such as d1")
    add("--seed", type=int, default=1, help="of names, settings and traffic in the worlds")
    add("--duration", type=float, default=DURATION_S, help="of a world, in seconds")
    add("--runs", type=int, help="of each study")
    add("--processes", type=int, default=2, help="studies that run at the same time")
    add("--keep", type=Path, help="folder that keeps Core's log of each world")
    add("--report", type=Path, nargs="?", const=REPORT, help="file to write the report to")
    return parser


def _play(world: World, duration_s: float, keep: Path | None) -> WorldFigures:
    with tempfile.TemporaryDirectory(prefix="arc-learning-") as folder:
        run = play(world, Path(folder), rate=RATE, duration_s=duration_s)
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        (keep / f"{world.name}.log").write_text(run.log, "utf-8")
    return figures(run)


def _show_world(shown: WorldFigures) -> None:
    print(
        f"== world {shown.world.name}: {shown.healthy} healthy calls, {shown.needless} changed, "
        f"{shown.broken} failed; other cases prevented: {shown.others_prevented} of "
        f"{shown.others}; load {shown.load:.1f}, CPU of Core {shown.core_cpu_s:.1f} s",
        flush=True,
    )
    for case in shown.cases:
        times = (case.tenth_s, case.pushed_s, case.active_s, case.protected_s)
        told = " ".join("-" if each is None else f"{each:.1f}" for each in times)
        print(
            f"  {case.late_prevented:3} of {case.late:3}  tenth/pushed/active/protected {told:22}"
            f"  {case.id}",
            flush=True,
        )
        if case.half == DEVELOPED and case.pattern:  # the other half shows numbers alone
            print(f"               {case.pattern}", flush=True)
    if all(case.half == DEVELOPED for case in shown.cases):
        for pattern in shown.useless:
            print(f"  in force for nothing: {pattern}", flush=True)


def _study(name: str, runs: int | None, processes: int) -> list[Outcome]:
    seeds = range(STUDIES[name][1] if runs is None else runs)
    shares = [seeds[place::processes] for place in range(processes)]
    work = [(name, list(share)) for share in shares if share]
    # a fresh interpreter each: the embedded engine does not survive a fork
    with multiprocessing.get_context("spawn").Pool(len(work)) as pool:
        outcomes: list[Outcome] = []
        for found in pool.imap_unordered(run_seeds, work):
            outcomes += found
    outcomes.sort(key=lambda outcome: outcome.seed)
    good = sum(outcome.good for outcome in outcomes)
    print(f"== {name}: {good} of {len(outcomes)} as it should be", flush=True)
    for each in outcomes:
        print(
            f"  {'  ' if each.good else '! '}seed {each.seed:2}  {each.matched:6} matching of "
            f"{each.calls:6} calls  {each.world}: {each.told}",
            flush=True,
        )
    return outcomes


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
