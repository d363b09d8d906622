"""Requests by which trials are compared: asked for once where several trials begin together."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from arc_core.registry.lifecycle import State
from arc_core.rollout.controller import Controller
from arc_core.rollout.recent_requests import RecentRequests
from core.rollout.world import PROJECT, START, Recorded, World

MODELS = "abcdef"


class Asked(Recorded):
    """Counts the questions; each failure is of calls to a model of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: list[str] = []

    def failing(
        self, project: str, signature: str, since: datetime, limit: int
    ) -> list[dict[str, Any]]:
        self.failures.append(signature)
        return [{"request": f'{{"model": "{signature}"}}'}]


def test_trials_that_begin_together_ask_once_for_each_failure(world: Any) -> None:
    """Each is compared with all that run; what it takes grows with their number, not its square."""
    each: World = world()
    calls = Asked()
    controller = Controller(calls, each.registry, clock=each.clock)
    for model in MODELS:
        each.registry.add_pattern(
            PROJECT,
            {"name": model, "pattern": {"model": model}, "fix": {"top_p": None}},
            author="learner",
            state=State.CANDIDATE,
            evidence={"signature": model, "failed": 10, "matching": 10},
        )
        controller.run(PROJECT, [model])
    assert [each.state(model) for model in MODELS] == [State.CANARY] * len(MODELS)
    assert sorted(calls.failures) == list(MODELS)


def test_they_are_asked_for_again_after_a_while() -> None:
    """What fails now may be other calls."""
    calls, now = Asked(), START
    recent = RecentRequests(calls, lambda: now)
    assert recent.failing(PROJECT, "m") == recent.failing(PROJECT, "m") == [{"model": "m"}]
    now += timedelta(seconds=11)
    recent.failing(PROJECT, "m")
    assert calls.failures == ["m", "m"]
    assert list(recent.failing(PROJECT, "")) == []


def test_few_are_kept() -> None:
    """Requests may be as long as books."""
    calls = Asked()
    recent = RecentRequests(calls, lambda: START)
    for number in range(100):
        recent.failing(PROJECT, str(number))
    recent.failing(PROJECT, "0")
    assert len(calls.failures) == 101
