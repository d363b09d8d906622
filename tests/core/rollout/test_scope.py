"""A condition that reaches too far is narrowed by the calls of its trial that got no fix."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from benchmarks.learning.laboratory import HEALTHY, PROVIDER, Ending, Laboratory, opened_store

from arc_core.registry.lifecycle import State
from arc_core.registry.records import PatternRecord
from arc_core.rollout.overlap import matches
from arc_core.rollout.room import LEARNER
from arc_core.storage import CallStore
from arc_protocol.patterns import Pattern

CRAMPED, BETWEEN, WIDE = 400, 1000, 3000
REFUSED = Ending(status=400, message="Bad request.", code="invalid")
TRUNCATED = Ending(kind="truncated")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CallStore]:
    with opened_store(tmp_path_factory.mktemp("store")) as opened:
        yield opened


class Trial:
    """A pattern for all calls with less than 2000 tokens, of which only those with few fail."""

    def __init__(self, lab: Laboratory, ending: Ending, rate: float, seldom: float) -> None:
        self.lab = lab
        self._ending, self._rate, self._seldom = ending, rate, seldom
        # a failure that is known, but not often enough for the learner to make its own of it
        few = iter([CRAMPED] * 5)
        self.lab.run(100, lambda draw: asked(next(few, WIDE)), self._always)
        [group] = lab.failures()
        # as if it had been learned when no call had been between
        failed, matching = (20, 20) if rate == 1.0 else (120, 400)
        lab.registry.add_pattern(
            lab.project,
            {
                "name": "wide",
                "provider": PROVIDER,
                "operation": "chat",
                "pattern": {"model": "m", "max_tokens": {"<": 2000}},
                "fix": {"max_tokens": {"clamp": {"low": 2000}}},
            },
            author=LEARNER,
            state=State.CANDIDATE,
            evidence={"signature": group["signature"], "failed": failed, "matching": matching},
        )

    @property
    def record(self) -> PatternRecord:
        return self.lab.registry.pattern(self.lab.project, "wide")

    def until(self, *states: State, at_most: int) -> None:
        self.lab.run(
            at_most, self._request, self._provider, until=lambda: self.record.state in states
        )

    def _request(self, draw: random.Random) -> tuple[str, dict[str, Any]]:
        return asked(draw.choices((CRAMPED, BETWEEN, WIDE), (5, 3, 2))[0])

    def _always(self, sent: Any, draw: random.Random) -> Ending:
        return self._ending if sent["max_tokens"] <= CRAMPED else HEALTHY

    def _provider(self, sent: Any, draw: random.Random) -> Ending:
        rate = self._rate if sent["max_tokens"] <= CRAMPED else self._seldom
        return self._ending if draw.random() < rate else HEALTHY


def asked(tokens: int) -> tuple[str, dict[str, Any]]:
    return "app", {"model": "m", "max_tokens": tokens, "messages": []}


@pytest.mark.parametrize(
    ("ending", "rate", "seldom"),
    [(REFUSED, 1.0, 0.0), (TRUNCATED, 0.3, 0.05)],
    ids=["every call fails", "by chance"],
)
def test_what_is_healthy_beyond_the_failing_calls_is_left_alone(
    store: CallStore, tmp_path: Path, ending: Ending, rate: float, seldom: float
) -> None:
    """The fix is put in force for the calls that need it, with what showed where they end."""
    lab = Laboratory(store, tmp_path, f"scope-{rate}", seed=1, rate=100.0)
    with closing(lab):
        trial = Trial(lab, ending, rate, seldom)
        trial.until(State.ACTIVE, at_most=4000)
        record = trial.record
        assert (record.state, record.revision) == (State.ACTIVE, 2)
        assert record.document["pattern"] == {"model": "m", "max_tokens": {"<": BETWEEN}}
        assert record.evidence["narrowed"][0]["before"]["max_tokens"] == {"<": 2000}
    fixed = Pattern.parse(record.document)
    assert [matches(fixed, asked(tokens)[1]) for tokens in (CRAMPED, BETWEEN, WIDE)] == [
        *(True, False, False)
    ]


def test_a_condition_stays_where_calls_fail_up_to_its_bound(
    store: CallStore, tmp_path: Path
) -> None:
    lab = Laboratory(store, tmp_path, "scope-alike", seed=1, rate=100.0)
    with closing(lab):
        trial = Trial(lab, TRUNCATED, 0.3, 0.3)
        # all fail as often, and the fix does not help: nothing is cut off to make it look so
        trial.until(State.INCONCLUSIVE, at_most=3000)
        assert trial.record.revision == 1
