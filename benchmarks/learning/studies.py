"""What is asked of the loop, each by several runs with seeds of their own."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arc_core.registry.lifecycle import State
from arc_core.registry.records import PatternRecord
from arc_core.rollout.controller import LEARNER
from arc_core.storage import CallStore
from arc_protocol.patterns import Origin, Pattern, PatternSet
from benchmarks.learning.cases import OPERATIONS
from benchmarks.learning.laboratory import HEALTHY, PROVIDER, Ending, Laboratory, Provider, Seen
from benchmarks.learning.sites import CHAT, Request
from benchmarks.learning.soft import Chance, Crowd, chances, confounded

_RATE = 200.0
"""Calls per second of the laboratory's clock."""
_BAD_SHARE = 0.25
_MOST_CALLS = 24_000
_ENDED = (State.INCONCLUSIVE, State.REJECTED, State.ROLLED_BACK)


@dataclass(frozen=True)
class Outcome:
    """One run."""

    study: str
    world: str
    seed: int
    good: bool
    """Whether it ended as it should."""
    told: str
    """What happened, in few words."""
    calls: int
    """In all."""
    matched: int = 0
    """Calls that took part in the trial of the pattern in question, until it was decided."""
    needless: int = 0
    """Healthy calls that were changed."""
    healthy: int = 0


def by_chance(store: CallStore, folder: Path, seed: int) -> Outcome:
    """A setting makes 30 % of the calls fail instead of 5 %: is the right fix promoted?"""
    draw = random.Random(f"chance {seed}")
    chance = chances(draw)[seed % 4]
    return _played("chance", chance, draw, _MOST_CALLS, store, folder, seed)


def by_coincidence(store: CallStore, folder: Path, seed: int) -> Outcome:
    """A parameter goes with a failure and has no part in it: is every fix refused?"""
    draw = random.Random(f"coincidence {seed}")
    chance = confounded(draw)
    return _played("coincidence", chance, draw, _MOST_CALLS // 2, store, folder, seed)


def _played(
    study: str,
    chance: Chance,
    draw: random.Random,
    most_calls: int,
    store: CallStore,
    folder: Path,
    seed: int,
) -> Outcome:
    """Make calls until a pattern is in force, or so many, and judge it."""
    crowd = Crowd(draw, chance, _BAD_SHARE)
    lab = Laboratory(store, folder, f"{study}-{seed}", seed=seed, rate=_RATE)
    try:
        seen = lab.run(
            most_calls,
            crowd.request,
            chance.provider(crowd),
            until=lambda: bool(lab.patterns(State.ACTIVE)),
        )
        return _judged(study, chance, crowd, lab, seen, seed)
    finally:
        lab.close()


def nothing_to_cure(store: CallStore, folder: Path, seed: int) -> Outcome:
    """Noise, then an outage, then rate limits: is nothing put in force?"""
    draw = random.Random(f"quiet {seed}")
    crowd = Crowd(draw, None, 0.0)
    lab = Laboratory(store, folder, f"quiet-{seed}", seed=seed, rate=_RATE)
    limited = draw.sample(crowd.good, len(crowd.good) // 2)
    of_limited = {id(request) for _, request in limited}
    outage = draw.choice(_OUTAGES)

    def noise(sent: Mapping[str, Any], draw: random.Random) -> Ending:
        at = draw.random()
        if at < 0.02:
            return Ending(kind="truncated")
        if at < 0.03:
            return Ending(kind="invalid_json")
        if at < 0.04:
            return Ending(status=400, message="Your prompt was rejected.", code="invalid_prompt")
        return HEALTHY

    def down(sent: Mapping[str, Any], draw: random.Random) -> Ending:
        return draw.choice(outage) if draw.random() < 0.9 else noise(sent, draw)

    def busy(sent: Mapping[str, Any], draw: random.Random) -> Ending:
        # it befalls some of the programs, so that it goes with what they ask for
        share = 0.7 if id(sent) in of_limited else 0.05
        return draw.choice(_LIMITS) if draw.random() < share else noise(sent, draw)

    try:
        seen = []
        for provider, calls in ((noise, 2400), (down, 800), (noise, 400), (busy, 1600)):
            seen += lab.run(calls, crowd.request, provider)
        in_force = [name for name, states in lab.states().items() if "active" in states]
        told = "; ".join(in_force) or f"{len(lab.patterns())} tried, none in force"
        changed = sum(each.changed and not each.ending.failed for each in seen)
        healthy = sum(not each.ending.failed for each in seen)
        return Outcome(
            *("quiet", "noise, outage, rate limits", seed, not in_force, told, len(seen)),
            needless=changed,
            healthy=healthy,
        )
    finally:
        lab.close()


def harmful(store: CallStore, folder: Path, seed: int) -> Outcome:
    """A fix is tried that makes things worse: is it never promoted?"""
    name, failed, matching, untreated, treated = _HARMS[seed % len(_HARMS)]
    draw = random.Random(f"harm {seed}")
    lab = Laboratory(store, folder, f"harm-{seed}", seed=seed, rate=_RATE)
    crowd = Crowd(draw, None, 0.0)
    provider = _by_arm(untreated, treated)
    try:
        lab.run(400, crowd.request, provider)
        _put(lab, failed, matching)
        seen = lab.run(
            12_000,
            crowd.request,
            provider,
            until=lambda: (
                lab.registry.pattern(lab.project, "on-trial").state in (*_ENDED, State.ACTIVE)
            ),
        )
        states = lab.states()["on-trial"]
        return Outcome(
            *("harm", name, seed, "active" not in states, states[-1], len(seen)),
            matched=sum(each.matched for each in seen),
        )
    finally:
        lab.close()


def no_longer_helping(store: CallStore, folder: Path, seed: int) -> Outcome:
    """A fix in force stops helping: after how many matching calls is it out of force?"""
    name, failed, matching, before, after, horizon = _CHANGES[seed % len(_CHANGES)]
    draw = random.Random(f"change {seed}")
    lab = Laboratory(store, folder, f"change-{seed}", seed=seed, rate=_RATE)
    crowd = Crowd(draw, None, 0.0)

    def state() -> State:
        return lab.registry.pattern(lab.project, "on-trial").state

    try:
        lab.run(400, crowd.request, _by_arm(*before))
        _put(lab, failed, matching)
        lab.run(12_000, crowd.request, _by_arm(*before), until=lambda: state() is State.ACTIVE)
        lab.run(1000, crowd.request, _by_arm(*before))
        was = state()
        seen = lab.run(
            horizon, crowd.request, _by_arm(*after), until=lambda: state() is not State.ACTIVE
        )
        now = state()
        good = was is State.ACTIVE and now in (State.DORMANT, *_ENDED)
        matched = sum(each.matched for each in seen)
        told = now.value if was is State.ACTIVE else f"{was.value} before the change"
        return Outcome("change", name, seed, good, told, len(seen), matched=matched)
    finally:
        lab.close()


Study = Callable[[CallStore, Path, int], Outcome]
STUDIES: Mapping[str, tuple[Study, int]] = {
    "chance": (by_chance, 20),
    "coincidence": (by_coincidence, 6),
    "quiet": (nothing_to_cure, 20),
    "harm": (harmful, 20),
    "change": (no_longer_helping, 20),
}
"""Each with its number of runs."""

_OUTAGES = (
    [Ending(status=503, message="The engine is currently overloaded", duration_ms=30)],
    [Ending(status=500, message="The server had an error", code="server_error")],
    [
        Ending(status=502, message="Bad gateway"),
        Ending(status=504, message="upstream request timeout", duration_ms=60_000),
    ],
)
_LIMITS = (
    Ending(status=429, message="Rate limit reached for requests", code="rate_limit_exceeded"),
    Ending(status=429, message="You exceeded your current quota", code="insufficient_quota"),
)

_REFUSED = Ending(
    status=400, message="Unsupported value: 'user'.", code="unsupported_value", param="user"
)
_TARGET = Ending(kind="truncated")
_OTHER = Ending(kind="invalid_json")
_DEAR = Ending(output_tokens=600, duration_ms=2500)

Mix = Sequence[tuple[float, Ending]]
"""How calls end, each with its probability; the rest succeed."""

_HARMS: Sequence[tuple[str, int, int, Mix, Mix]] = (
    ("fails twice as often", 120, 400, [(0.3, _TARGET)], [(0.6, _TARGET)]),
    ("cures it, and fails otherwise", 120, 400, [(0.3, _TARGET)], [(0.5, _OTHER)]),
    ("all failed, and now otherwise", 20, 20, [(1.0, _REFUSED)], [(1.0, _OTHER)]),
    ("helps a little, costs five times", 40, 400, [(0.1, _TARGET)], [(0.09, _TARGET), (1, _DEAR)]),
)
_CHANGES: Sequence[tuple[str, int, int, tuple[Mix, Mix], tuple[Mix, Mix], int]] = (
    ("a certain failure has gone", 20, 20, ([(1.0, _REFUSED)], []), ([], []), 9000),
    ("a failure of 30 % has gone", 120, 400, ([(0.3, _TARGET)], []), ([], []), 9000),
    (
        *("the fix cures no longer, all fail", 20, 20, ([(1.0, _REFUSED)], [])),
        *(([(1.0, _REFUSED)], [(1.0, _REFUSED)]), 9000),
    ),
    (
        *("the fix cures no longer, 30 % fail", 120, 400, ([(0.3, _TARGET)], [(0.02, _TARGET)])),
        *(([(0.3, _TARGET)], [(0.3, _TARGET)]), 9000),
    ),
)


def _by_arm(untreated: Mix, treated: Mix) -> Provider:
    """Return a provider that tells by the mark of the fix which calls are treated."""

    def answer(sent: Mapping[str, Any], draw: random.Random) -> Ending:
        at = draw.random()
        for share, ending in treated if sent.get(_MARK) == 1 else untreated:
            if at < share:
                return ending
            at -= share
        return HEALTHY

    return answer


_MARK = "min_tokens"
"""A parameter that nobody sets but the fix on trial."""


def _put(lab: Laboratory, failed: int, matching: int) -> None:
    """Propose a pattern that matches every call, as the learner would."""
    target = _REFUSED if failed == matching else _TARGET
    group = max(
        lab.failures(), key=lambda row: (row["failure_kinds"] == [target.kind], row["count"])
    )
    lab.registry.add_pattern(
        lab.project,
        {
            "name": "on-trial",
            "provider": PROVIDER,
            "operation": OPERATIONS[CHAT],
            "pattern": {"messages": {"exists": True}},
            "fix": {_MARK: 1},
        },
        author=LEARNER,
        state=State.CANDIDATE,
        evidence={"signature": group["signature"], "failed": failed, "matching": matching},
    )


def _judged(
    study: str, chance: Chance, crowd: Crowd, lab: Laboratory, seen: Sequence[Seen], seed: int
) -> Outcome:
    """Say what the patterns in force would make of the crowd's calls."""
    active = lab.patterns(State.ACTIVE)
    fixed = PatternSet([_in_force(each) for each in active])

    def sent(request: Request) -> Mapping[str, Any]:
        decision = fixed.decide(PROVIDER, OPERATIONS[CHAT], request)
        return request if decision is None else decision.body

    bad = [chance.rate(sent(request), True) for _, request in crowd.bad]
    before = [chance.rate(request, True) for _, request in crowd.bad]
    cured = (sum(before) - sum(bad)) / max(1, len(bad))
    possible = sum(before) / len(before) - 0.05
    broadly = [request for _, request in crowd.good if sent(request) is not request]
    states = Counter(states[-1] for states in lab.states().values())
    told = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    if active:
        told = f"{active[0].document['pattern']} -> {active[0].document['fix']}"[:140]
    good = not active if not chance.helps else bool(active) and cured >= 0.8 * possible
    return Outcome(
        *(study, chance.name, seed, good, told, len(seen)),
        matched=sum(each.matched for each in seen),
        needless=len(broadly),
        healthy=len(crowd.good),
    )


def _in_force(record: PatternRecord) -> Pattern:
    return Pattern.parse(record.document, origin=Origin.PUSHED)
