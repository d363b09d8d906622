"""Writes what was measured, with targets, seeds and the state of the machine."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from statistics import median

from arc_core.rollout.evidence.discoveries import evidence_needed
from benchmarks.learning.bettor import calls_needed
from benchmarks.learning.cases import HALVES
from benchmarks.learning.figures import CaseFigures, WorldFigures
from benchmarks.learning.soft import OFTEN, SELDOM
from benchmarks.learning.studies import Outcome
from benchmarks.learning.worlds import APPLICATIONS

_PUSH_WITHIN_S = 5.0
_LATE_SHARE = 0.95
_NEEDLESS = 1e-4


@dataclass(frozen=True)
class Target:
    """A figure, and what it should be."""

    name: str
    wanted: str
    measured: str
    met: bool


def targets(
    worlds: Sequence[WorldFigures], outcomes: Mapping[str, Sequence[Outcome]]
) -> list[Target]:
    """Return the figures of what was measured, each half of the cases by itself."""
    found = []
    for half in HALVES:
        cases = [
            case for world in worlds for case in world.cases if case.half == half and case.is_hard
        ]
        if cases:
            found += _of_half(half, cases)
    if worlds:
        healthy, needless = sum(w.healthy for w in worlds), sum(w.needless for w in worlds)
        met = needless <= _NEEDLESS * healthy
        found.append(
            Target(
                "healthy calls changed needlessly (worlds)",
                "at most 1 in 10,000",
                f"{needless} of {healthy:,}",
                met,
            )
        )
    wanted = {"chance": 0.95, "coincidence": 1.0, "quiet": 1.0, "harm": 1.0, "change": 1.0}
    for name, runs in outcomes.items():
        good = sum(run.good for run in runs)
        share = wanted[name]
        found.append(
            Target(
                _QUESTIONS[name],
                f"{share:.0%} of the runs",
                f"{good} of {len(runs)}",
                good >= share * len(runs),
            )
        )
    return found


def _of_half(half: str, cases: Sequence[CaseFigures]) -> Iterable[Target]:
    late, prevented = sum(c.late for c in cases), sum(c.late_prevented for c in cases)
    yield Target(
        f"certain failures prevented in the last third, {half} cases",
        "at least 95 %",
        f"{prevented} of {late} ({prevented / max(1, late):.1%}); "
        f"{sum(c.met for c in cases)} of {len(cases)} cases reach 95 %",
        prevented >= _LATE_SHARE * late,
    )
    after = [c.pushed_s - c.tenth_s for c in cases if c.pushed_s and c.tenth_s]
    in_time = sum(c.pushed_s is not None and _pushed_in_time(c) for c in cases)
    yield Target(
        f"fix pushed within 5 s of the tenth occurrence, {half} cases",
        "all",
        f"{in_time} of {len(cases)}"
        + (f"; median {median(after):.1f} s, worst {max(after):.1f} s" if after else ""),
        in_time == len(cases),
    )


def _pushed_in_time(case: CaseFigures) -> bool:
    """Tell whether the fix was there in time; also if it came before there were ten failures."""
    if case.pushed_s is None:
        return False
    return case.tenth_s is None or case.pushed_s - case.tenth_s <= _PUSH_WITHIN_S


_QUESTIONS = {
    "chance": "failures by chance, 30 % to 5 % by a setting: the right fix is promoted",
    "coincidence": "a setting that only goes with the failure: no fix is promoted",
    "quiet": "noise, an outage, rate limits: nothing is put in force",
    "harm": "a fix that makes things worse: it is not promoted",
    "change": "a fix that helps no longer is taken out of force",
}


def write(
    worlds: Sequence[WorldFigures],
    outcomes: Mapping[str, Sequence[Outcome]],
    *,
    seed: int,
    command: str,
    took_s: float,
) -> str:
    """Return the report in Markdown."""
    lines = [
        _HEAD,
        f"Measured on {datetime.now(timezone.utc):%Y-%m-%d} by `{command}` (seed {seed}) in "
        f"{took_s / 60:.0f} minutes, on {os.cpu_count()} cores, Python "
        f"{platform.python_version()}. {_load(worlds)}",
        "",
        "## Targets",
        "",
        "| figure | target | measured | met |",
        "| --- | --- | --- | --- |",
    ]
    lines += [
        f"| {t.name} | {t.wanted} | {t.measured} | {'yes' if t.met else '**no**'} |"
        for t in targets(worlds, outcomes)
    ]
    if worlds:
        lines += ["", *_worlds(worlds)]
    for name, runs in outcomes.items():
        lines += ["", *_study(name, runs)]
    return "\n".join(lines) + "\n"


def _load(worlds: Sequence[WorldFigures]) -> str:
    if not worlds:
        return ""
    loads = sorted(world.load for world in worlds)
    return f"Load of the machine after the worlds: {loads[0]:.1f} to {loads[-1]:.1f}."


def _worlds(worlds: Sequence[WorldFigures]) -> list[str]:
    lines = [
        "## Failures of the catalogue, with real processes",
        "",
        _ABOUT_WORLDS.format(applications=APPLICATIONS),
        "",
        "| world | cases | healthy calls | changed | failed | other cases, late, prevented "
        "| in force for nothing | CPU of Core |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {w.world.name} | {len(w.cases)} | {w.healthy} | {w.needless} | {w.broken} | "
        f"{w.others_prevented} of {w.others} | {len(w.useless)} | "
        f"{w.core_cpu_s / w.duration_s:.0%} of a core |"
        for w in worlds
    ]
    for half in HALVES:
        cases = [case for world in worlds for case in world.cases if case.half == half]
        if not cases:
            continue
        lines += [
            "",
            f"### {half.capitalize()} cases",
            "",
            "| case | world | occurrences | late, prevented | tenth failure | pushed | in force "
            "| protected from |",
            "| --- | --- | --- | --- | --- | --- | --- | --- |",
        ]
        lines += [
            f"| {case.id}{'' if case.is_hard else ' (soft)'} | {case.world} | {case.occurrences} | "
            f"{case.late_prevented} of {case.late}{'' if case.met else ' **!**'} | "
            f"{_s(case.tenth_s)} | {_s(case.pushed_s)} | {_s(case.active_s)} | "
            f"{_s(case.protected_s)} |"
            for case in sorted(cases, key=lambda case: case.id)
        ]
    return lines


def _study(name: str, runs: Sequence[Outcome]) -> list[str]:
    seeds = sorted(run.seed for run in runs)
    lines = [
        f"## {_QUESTIONS[name][0].upper()}{_QUESTIONS[name][1:]}",
        "",
        f"Seeds {seeds[0]} to {seeds[-1]}, each with a world of its own.",
        "",
        "| world | runs | as it should be | matching calls: median (least to most) |",
        "| --- | --- | --- | --- |",
    ]
    for world in dict.fromkeys(run.world for run in runs):
        mine = [run for run in runs if run.world == world]
        counts = sorted(run.matched for run in mine if run.good) or [0]
        told = f"{median(counts):.0f} ({counts[0]} to {counts[-1]})" if counts[-1] else "-"
        lines.append(f"| {world} | {len(mine)} | {sum(run.good for run in mine)} | {told} |")
    if name == "chance":
        needed = calls_needed(OFTEN, SELDOM, evidence=evidence_needed(1, 0))
        lines += [
            "",
            "For scale: who knows both rates and bets on each call's coin with half of the calls "
            f"treated needs {needed:.0f} matching calls on average for the same evidence. The "
            "difference is what learning, the shadow and the cautious shares before the half take.",
        ]
    needless, healthy = sum(run.needless for run in runs), sum(run.healthy for run in runs)
    if healthy:
        lines += ["", f"Healthy requests that would be changed: {needless} of {healthy:,}."]
    bad = [run for run in runs if not run.good]
    if bad:
        lines += ["", "Otherwise than it should be:", ""]
        lines += [f"* seed {run.seed}, {run.world}: {run.told}" for run in bad]
    return lines


def _s(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"


_HEAD = """# Does the loop close?

`make bench-learning` plays worlds that the learner's code knows nothing of, and counts. Names of
models are invented for each seed; what fails, and with which words, is taken from the failure
catalogue or drawn. Half of the catalogue's cases were looked at while the learner was built
(*developed*), half were not (*unseen*), by a hash of their names; both halves are shown apart.
"""

_ABOUT_WORLDS = """Each world is a provider simulator, Arc Core and {applications} applications that
make 40 calls a second for 90 s through the OpenAI SDK, sync, async and streamed, with tools. 4 % of
the calls meet each case whose cure the policy `safe` allows, 0.5 % each of the others, and as many
healthy calls ask the same models and look alike; the rest has nothing to do with them. Times are
from the first call on. *Prevented* calls succeeded with a changed request, *late* ones began in the
last third. 2 % are held back on purpose."""
