"""What a run shows of each case: occurrences, what was prevented, and when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from arc_protocol.errors import PatternError
from arc_protocol.patterns import Origin, Pattern, PatternSet
from benchmarks.learning.cases import OPERATIONS, Case
from benchmarks.learning.fleet import Played, Run
from benchmarks.learning.worlds import World

PROVIDER = "openai"
_PUSHED = ("rescue", "canary", "active")
"""States in which Runtimes have the fix, and use it for some calls."""
_TENTH = 10
_PROTECTED = 0.95
_ASKED = 40
"""Occurrences by which a pattern is judged."""


@dataclass(frozen=True)
class CaseFigures:
    """What became of one case; times in seconds after the beginning of the run."""

    id: str
    half: str
    world: str
    is_hard: bool
    occurrences: int
    """Calls that would have met it."""
    late: int
    """Of these, in the last third of the run."""
    late_prevented: int
    first_s: float | None
    """When the first one failed."""
    tenth_s: float | None
    """When the tenth one failed."""
    pushed_s: float | None
    """When a fix that cures it was first pushed to be used."""
    active_s: float | None
    """When it was put in force."""
    protected_s: float | None
    """From then on at least 95 % were prevented; None: never, or of too few."""
    pattern: str
    """What cured it."""

    @property
    def met(self) -> bool:
        """Whether 95 % of the late ones were prevented."""
        return self.late > 0 and self.late_prevented >= _PROTECTED * self.late


@dataclass(frozen=True)
class WorldFigures:
    """What became of a world."""

    world: World
    cases: list[CaseFigures]
    """Those that the policy `safe` can cure."""
    others: int
    """Late occurrences of other cases."""
    others_prevented: int
    healthy: int
    """Calls with which nothing was wrong."""
    needless: int
    """Of these, how many were changed."""
    broken: int
    """Of these, how many failed."""
    useless: list[str]
    """Patterns in force in the end that cure no case."""
    load: float
    core_cpu_s: float
    duration_s: float


def figures(run: Run) -> WorldFigures:
    """Work out what a run shows."""
    world = run.world
    late_from_s = run.duration_s * 2 / 3
    by_case: dict[str, list[Played]] = {}
    for call in run.calls:
        if call.planned.case is not None:
            by_case.setdefault(call.planned.case, []).append(call)
    curing = {
        case.id: _curing(world, case, by_case.get(case.id, ()), run.patterns)
        for case in (*world.curable, *world.others)
    }
    useful = {pattern["name"] for found in curing.values() for pattern in found}
    outside = [call for case in world.others for call in by_case.get(case.id, ())]
    late = [call for call in outside if call.began_s >= late_from_s]
    healthy = [call for call in run.calls if call.planned.case is None]
    return WorldFigures(
        world=world,
        cases=[
            _case(world, case, by_case.get(case.id, []), curing[case.id], late_from_s)
            for case in world.curable
        ],
        others=len(late),
        others_prevented=sum(call.prevented for call in late),
        healthy=len(healthy),
        needless=sum(call.changed for call in healthy),
        broken=sum(call.error is not None or call.rule is not None for call in healthy),
        useless=[
            f"{pattern['document']['pattern']} -> {pattern['document']['fix']}"
            for pattern in run.patterns
            if pattern["state"] == "active" and pattern["name"] not in useful
        ],
        load=run.load,
        core_cpu_s=run.core_cpu_s,
        duration_s=run.duration_s,
    )


def _case(
    world: World,
    case: Case,
    calls: Sequence[Played],
    curing: Sequence[Mapping[str, Any]],
    late_from_s: float,
) -> CaseFigures:
    failed = sorted(call.ended_s for call in calls if call.rule == case.id)
    late = [call for call in calls if call.began_s >= late_from_s]
    pushed = _first(curing, _PUSHED)
    named = pushed[1] if pushed else None
    return CaseFigures(
        id=case.id,
        half=case.half,
        world=world.name,
        is_hard=case.is_hard,
        occurrences=len(calls),
        late=len(late),
        late_prevented=sum(call.prevented for call in late),
        first_s=failed[0] if failed else None,
        tenth_s=failed[_TENTH - 1] if len(failed) >= _TENTH else None,
        pushed_s=pushed[0] if pushed else None,
        active_s=active[0] if (active := _first(curing, ("active",))) else None,
        protected_s=_protected_from(calls),
        pattern=""
        if named is None
        else f"{named['document']['pattern']} -> {named['document']['fix']}",
    )


def _protected_from(calls: Sequence[Played]) -> float | None:
    """Return when the calls begin of which 95 % were prevented; the earliest such time."""
    prevented = 0
    best: float | None = None
    for count, call in enumerate(reversed(calls), 1):
        prevented += call.prevented
        if call.prevented and prevented >= _PROTECTED * count:
            best = call.began_s
    return best


def _curing(
    world: World, case: Case, calls: Iterable[Played], patterns: Iterable[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """Return the patterns after whose fix some occurrences are none."""
    asked = [call.planned for call in list(calls)[:_ASKED]]
    found = []
    for shown in patterns:
        try:
            pattern = Pattern.parse(_plain(shown["document"]), origin=Origin.PUSHED)
        except PatternError:
            continue
        alone = PatternSet([pattern])
        for planned in asked:
            decision = alone.decide(PROVIDER, OPERATIONS[planned.endpoint], planned.request)
            if not (decision and decision.applied):
                continue
            if world.verdict(planned.endpoint, decision.body) is None:
                found.append(shown)
                break
    return found


def _plain(document: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != "allocation"}


def _first(
    patterns: Iterable[Mapping[str, Any]], states: Sequence[str]
) -> tuple[float, Mapping[str, Any]] | None:
    """Return when one of the patterns first came to one of the states, and which one it was."""
    times = [
        (event["at_s"], pattern)
        for pattern in patterns
        for event in pattern["history"]
        if event["to_state"] in states
    ]
    return min(times, key=lambda time: time[0], default=None)
