"""Worlds: a provider with rules for invented models, and the traffic of applications there."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from arc_simulator.conditions import Condition, compile_condition
from benchmarks.learning.cases import DEVELOPED, HALVES, Case, bound_to, playable
from benchmarks.learning.sites import (
    Site,
    failing,
    healthy_near,
    invented_names,
    members,
    ordinary,
)

RATE = 40.0
"""Calls per second, of all applications together."""
DURATION_S = 90.0
APPLICATIONS = 4
_CASES = 8
"""Cases of a world, at most, that can be cured within the policy."""
_CURABLE_SHARE = 0.04
"""Of the calls that meet each of them."""
_OTHER_SHARE = 0.005
"""Of the calls that meet each of the other cases, which no safe change cures."""
_NEAR = 1.0
"""Healthy calls that resemble those of a case, for each that meets it."""
_SITES = 6
_FAMILIES = 6
_ORDINARY_SITES = 60


@dataclass(frozen=True)
class Planned:
    """A call that an application will make."""

    id: str
    at_s: float
    """After the beginning."""
    application: int
    how: str
    """sync or async."""
    endpoint: str
    request: Mapping[str, Any]
    case: str | None
    """What befalls it, unless its request is changed."""
    about: str | None

    def order(self) -> dict[str, Any]:
        """Return what the application is told of it."""
        names = ("id", "at_s", "how", "endpoint", "request")
        return {name: getattr(self, name) for name in names}


@dataclass
class World:
    """Cases that are played at the same time, each on models of its own."""

    name: str
    seed: int
    curable: list[Case]
    """Cases that a fix of the policy `safe` cures."""
    others: list[Case]
    rules: list[dict[str, Any]] = field(default_factory=list)
    """For the simulator."""

    def __post_init__(self) -> None:
        self._draw = random.Random(f"{self.name} {self.seed}")
        cases = [*self.curable, *self.others]
        names = invented_names(self._draw, len(cases) + _FAMILIES)
        self._families = dict(zip((case.id for case in cases), names))
        self._ordinary = names[len(cases) :]
        for case in cases:
            rules = case.rules(members(self._families[case.id]))
            if case in self.others and not case.is_for_models:
                # in a world with curable ones it must not befall what is theirs
                rules = [
                    {**rules[0], "id": f"{case.id}/{model}", "match": bound_to(case, model)}
                    for model in members(self._families[case.id])
                ]
            self.rules += rules
        self._compiled: list[tuple[str, str, Condition]] = [
            (rule["id"].partition("/")[0], rule["endpoint"], compile_condition(rule["match"]))
            for rule in self.rules
        ]

    def verdict(self, endpoint: str, request: Mapping[str, Any]) -> str | None:
        """Return the case that befalls a request."""
        for case, of, holds in self._compiled:
            if of == endpoint and holds(request):
                return case
        return None

    def plan(self, *, rate: float = RATE, duration_s: float = DURATION_S) -> list[Planned]:
        """Return the calls of all applications, in the order of time."""
        draw = self._draw
        kinds = self._kinds()
        shares = [share for share, _ in kinds]
        calls = []
        at_s = draw.expovariate(rate)
        while at_s < duration_s:
            _, sites = draw.choices(kinds, weights=shares)[0]
            place = draw.randrange(len(sites))
            site = sites[place]
            calls.append(
                Planned(
                    id=f"{self.name}-{len(calls)}",
                    at_s=at_s,
                    # a site belongs to an application
                    application=place % APPLICATIONS,
                    how="async" if place % 3 == 2 else "sync",
                    endpoint=site.endpoint,
                    request=site.call(draw),
                    case=site.case,
                    about=site.about,
                )
            )
            at_s += draw.expovariate(rate)
        return calls

    def _kinds(self) -> list[tuple[float, list[Site]]]:
        kinds: list[tuple[float, list[Site]]] = []
        for case in (*self.curable, *self.others):
            share = _CURABLE_SHARE if case in self.curable else _OTHER_SHARE
            given = (case, self._families[case.id], self.verdict, self._draw)
            kinds.append((share, [failing(*given) for _ in range(_SITES)]))
            kinds.append((share * _NEAR, [healthy_near(*given) for _ in range(_SITES)]))
        rest = 1.0 - sum(share for share, _ in kinds)
        sites = [
            ordinary(self._draw.choice(self._ordinary), self.verdict, self._draw)
            for _ in range(_ORDINARY_SITES)
        ]
        return [*kinds, (rest, sites)]


def worlds(seed: int, halves: tuple[str, ...] = HALVES) -> list[World]:
    """Return the worlds of some halves of the catalogue; each case is in one of them."""
    made = []
    for half in halves:
        cases = [case for case in playable().values() if case.half == half]
        curable = [case for case in cases if case.policy == "safe"]
        others = [case for case in cases if case.policy != "safe" and case.is_hard]
        draw = random.Random(f"{half} {seed}")
        draw.shuffle(curable)
        draw.shuffle(others)
        count = -(-len(curable) // _CASES)
        letter = "d" if half == DEVELOPED else "u"
        made += [
            World(f"{letter}{place + 1}", seed, curable[place::count], others[place::count])
            for place in range(count)
        ]
    return made
