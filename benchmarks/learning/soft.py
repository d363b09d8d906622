"""Failures of replies that come by chance: models that fail more often at some settings."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.learning.laboratory import HEALTHY, Ending, Provider
from benchmarks.learning.sites import CHAT, Request, Site, invented_names, members, ordinary

_SITES = 40
_VARIANTS = 12
_APPLICATIONS = 4

OFTEN, SELDOM = 0.30, 0.05
"""How often calls fail with a bad setting, and without it."""


@dataclass(frozen=True)
class Chance:
    """A failure by chance."""

    name: str
    kind: str
    """As detection names it."""
    is_bad: Callable[[Mapping[str, Any]], bool]
    """Whether a request has the bad setting."""
    spoil: Callable[[Request, random.Random], None]
    """Gives a request the bad setting."""
    calm: Callable[[Request, random.Random], None] = lambda request, draw: None
    """Makes a request with the bad setting a healthy one, that otherwise looks the same."""
    helps: bool = True
    """Whether a change of the setting cures it; otherwise it only goes with what does."""

    def rate(self, request: Mapping[str, Any], doomed: bool) -> float:
        """Return how often a request fails as it arrives; `doomed`: as it was made, it was bad."""
        bad = self.is_bad(request) if self.helps else doomed
        return OFTEN if bad else SELDOM

    def provider(self, crowd: Crowd) -> Provider:
        """Return a provider that fails so."""

        def answer(sent: Mapping[str, Any], draw: random.Random) -> Ending:
            doomed = crowd.is_doomed(sent)
            return Ending(kind=self.kind) if draw.random() < self.rate(sent, doomed) else HEALTHY

        return answer


def _number(value: Any) -> float:
    return value if isinstance(value, (int, float)) else 0.0


def chances(draw: random.Random) -> list[Chance]:
    """Return failures whose parameters and bounds are drawn."""
    budget = draw.choice((400, 800, 1500))
    hot = draw.choice((0.8, 1.0))
    parameter = draw.choice(("repetition_penalty", "min_p", "logit_scale", "draft_length"))
    return [
        Chance(
            "truncated by max_tokens",
            "truncated",
            lambda r: 0 < _number(r.get("max_tokens")) <= budget,
            lambda r, d: r.update(max_tokens=d.choice((budget // 2, budget - 100, budget))),
            lambda r, d: r.update(max_tokens=d.choice((2000, 3000, 4096))),
        ),
        Chance(
            "empty after reasoning",
            "empty_output",
            lambda r: r.get("reasoning_effort") == "high",
            lambda r, d: r.update(reasoning_effort="high"),
            lambda r, d: r.update(reasoning_effort=d.choice(("low", "medium"))),
        ),
        Chance(
            "invalid JSON when hot",
            "invalid_json",
            lambda r: _number(r.get("temperature")) > hot and "response_format" in r,
            lambda r, d: r.update(
                temperature=d.choice((hot + 0.1, hot + 0.3)),
                response_format={"type": "json_object"},
            ),
            lambda r, d: r.update(temperature=d.choice((0, 0.3, 0.7))),
        ),
        Chance(
            "an unknown parameter",
            "truncated",
            lambda r: parameter in r,
            lambda r, d: r.update({parameter: d.choice((0.1, 0.5, 2))}),
        ),
    ]


def confounded(draw: random.Random) -> Chance:
    """Return a failure that goes with a parameter, which has no part in it."""
    parameter = draw.choice(("repetition_penalty", "min_p", "user", "seed"))
    return Chance(
        "a parameter that has no part in it",
        "truncated",
        lambda r: parameter in r,
        lambda r, d: r.update({parameter: d.choice((1, 2, 3))}),
        helps=False,
    )


class Crowd:
    """The calls of applications on one invented family: some are spoilt, the rest are not."""

    def __init__(self, draw: random.Random, chance: Chance | None, share: float) -> None:
        """`share` of the calls have the bad setting."""
        family = invented_names(draw, 1)[0]
        self._share = share
        self._doomed: set[str] = set()
        sites = [_chat(family, draw) for _ in range(_SITES)]
        self.good: list[tuple[str, Request]] = []
        self.bad: list[tuple[str, Request]] = []
        for place, site in enumerate(sites):
            for _ in range(_VARIANTS):
                request = site.call(draw)
                if chance is None or not chance.is_bad(request):
                    self.good.append((f"application-{place % _APPLICATIONS}", request))
                if chance is not None and place % 2:
                    spoilt = site.call(draw)
                    chance.spoil(spoilt, draw)
                    self._doomed.add(_words(spoilt))
                    self.bad.append((f"application-{place % _APPLICATIONS}", spoilt))
                    alike = site.call(draw)
                    chance.spoil(alike, draw)
                    chance.calm(alike, draw)
                    if not chance.is_bad(alike):
                        self.good.append((f"application-{place % _APPLICATIONS}", alike))

    def request(self, draw: random.Random) -> tuple[str, Request]:
        """Choose the next call."""
        pool = self.bad if self.bad and draw.random() < self._share else self.good
        return draw.choice(pool)

    def is_doomed(self, sent: Mapping[str, Any]) -> bool:
        """Tell whether a call was made with the bad setting, whatever it is sent with."""
        return _words(sent) in self._doomed


def _words(request: Mapping[str, Any]) -> str:
    return str(request["messages"])


def _chat(family: str, draw: random.Random) -> Site:
    while True:
        site = ordinary(family, lambda endpoint, request: None, draw)
        if site.endpoint == CHAT and site.request["model"] in members(family):
            return site
