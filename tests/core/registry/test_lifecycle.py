"""The life-cycle: its table, and what holds whatever people and learners do in any order."""

from __future__ import annotations

import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from arc_core.registry.errors import IllegalMoveError, UnknownPatternError
from arc_core.registry.lifecycle import ENTRIES, IN_FORCE, MOVES, PUBLISHED, State, check_move
from arc_core.registry.records import Event
from arc_core.registry.registry import Registry
from core.registry.documents import hot

WHO = {"author": "ada", "reason": "because"}


def test_every_state_is_in_the_table_and_can_be_reached() -> None:
    assert set(MOVES) == set(State)
    reached = set(ENTRIES)
    while True:
        more = reached.union(*(MOVES[state] for state in reached))
        if more == reached:
            break
        reached = more
    assert reached == set(State)


def test_what_is_in_force_can_always_be_taken_out_at_once() -> None:
    for state in IN_FORCE:
        assert {State.PAUSED, State.ROLLED_BACK, State.RETIRED} <= MOVES[state]


def test_what_was_withdrawn_never_comes_back() -> None:
    for state in (State.REJECTED, State.ROLLED_BACK):
        for to in State:
            with pytest.raises(IllegalMoveError, match="final for this revision"):
                check_move("cool", state, to)


names = st.sampled_from(["a", "b"])
states = st.sampled_from(list(State))
entries = st.sampled_from([*sorted(ENTRIES), State.ACTIVE, State.CANARY])
values = st.sampled_from([0.1, 0.2, 0.3])


class Life(RuleBasedStateMachine):
    """Does anything to two patterns, and compares with what history says."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name) / "registry.db"
        self.registry = Registry.open(f"sqlite:///{path}")
        self.set = self.registry.pattern_set("p")

    @rule(name=names, to=values, state=entries)
    def add(self, name: str, to: float, state: State) -> None:
        self._try(lambda: self.registry.add_pattern("p", hot(name, to), author="ada", state=state))

    @rule(name=names, way=st.integers(0, 59))
    def move(self, name: str, way: int) -> None:
        """Most steps of any kind would be refused; these are legal ones."""
        for record in self.registry.patterns("p"):
            ways = sorted(MOVES[record.state])
            if record.name == name and ways:
                self.registry.transition("p", name, ways[way % len(ways)], **WHO)

    @rule(name=names, to=states)
    def try_to_move(self, name: str, to: State) -> None:
        self._try(lambda: self.registry.transition("p", name, to, **WHO))

    @rule(name=names)
    def roll_back(self, name: str) -> None:
        self._try(lambda: self.registry.roll_back("p", name, **WHO))

    def _try(self, step: Any) -> None:
        before = self._all()
        try:
            step()
        except (IllegalMoveError, UnknownPatternError):
            assert self._all() == before

    def _all(self) -> list[Any]:
        records = self.registry.patterns("p")
        return [(record, self.registry.history("p", record.name)) for record in records]

    @invariant()
    def the_set_is_what_runtimes_get_and_its_version_counts_changes(self) -> None:
        now = self.registry.pattern_set("p")
        assert [(entry.name, entry.revision) for entry in now.entries] == [
            (record.name, record.revision)
            for record in self.registry.patterns("p")
            if record.state in PUBLISHED
        ]
        changed = now.entries != self.set.entries
        assert now.version == self.set.version + changed
        assert (now.digest != self.set.digest) == changed
        self.set = now

    @invariant()
    def history_tells_how_each_pattern_came_to_where_it_is(self) -> None:
        for record, history in self._all():
            assert (history[-1].revision, history[-1].to_state) == (record.revision, record.state)
            assert (history[0].revision, history[0].from_state) == (1, None)
            for before, after in pairwise(history):
                self._follows(before, after)

    def _follows(self, before: Event, after: Event) -> None:
        if after.from_state is None:
            assert after.revision == before.revision + 1
            assert after.to_state in ENTRIES
        else:
            assert after.revision == before.revision
            assert after.from_state == before.to_state
            assert after.to_state in MOVES[before.to_state]

    def teardown(self) -> None:
        self.registry.close()
        self.folder.cleanup()


Life.TestCase.settings = settings(
    max_examples=10,
    stateful_step_count=20,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
TestLife = Life.TestCase
