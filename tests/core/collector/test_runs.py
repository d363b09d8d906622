"""Runs are followed over batches, restarts and Cores; what goes wrong is named when evident."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from arc_core.collector.runs import HORIZON_S, RunWatch
from arc_core.detection.failures import Failed, identify
from arc_core.model.calls import COLUMNS
from arc_core.storage import CallStore, StoreError, open_call_store
from arc_protocol.turns import Turn
from core.call_records import batch, record

AT = {column.name: place for place, column in enumerate(COLUMNS)}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CallStore]:
    opened = open_call_store(None, tmp_path_factory.mktemp("store"))
    yield opened
    opened.close()


class Clock:
    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


class Core:
    """Looks at calls and stores them, as the writer does."""

    def __init__(self, store: CallStore) -> None:
        self.store = store
        self.clock = Clock()
        self.restart()

    def restart(self) -> None:
        self.watch = RunWatch(self.store, clock=self.clock)

    def take(self, *calls: dict[str, Any]) -> list[tuple[list[str], str]]:
        """Store calls; return the kinds and the signature of each."""
        rows = [list(each.values()) for each in calls]
        self.watch.note(rows)
        stored = [dict(zip(each, row)) for each, row in zip(calls, rows)]
        self.store.insert(batch(*stored), token=uuid.uuid4().hex)
        return [(each["failure_kinds"], each["failure_signature"]) for each in stored]


@pytest.fixture
def core(store: CallStore) -> Core:
    return Core(store)


def looping(run: dict[str, Any], number: int, **values: Any) -> dict[str, Any]:
    """Return a call that asks for the same tool as all others, with other words."""
    told = Turn(1 + 2 * number, 1, "b", f"n{number}", False, f"r{number}", ("look",))
    now = int(time.time() * 1e6)
    times = {"received_at": now, "start_time": now}
    named = {"provider": "openai", "operation": "chat", "turn": told.to_json()}
    return record(project="runs", **times, **named, **run, **values)


def signature() -> str:
    failed = Failed("openai", "chat", False, ["repeated_tool_call"], None, "", "", "", "")
    return identify(failed)[0]


@pytest.fixture(params=["session", "trace_id"])
def run(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What the calls of a run have in common."""
    return {request.param: uuid.uuid4().hex}


def test_a_loop_is_named_on_the_call_with_which_it_is_evident(
    core: Core, run: dict[str, Any]
) -> None:
    """In one batch or in several; the signature is that of the same failure seen elsewhere."""
    named = (["repeated_tool_call"], signature())
    assert core.take(looping(run, 0)) == [([], "")]
    assert core.take(looping(run, 1), looping(run, 2)) == [([], ""), named]
    other = {"session": "another one", "trace_id": uuid.uuid4().hex}
    assert core.take(looping(run, 3), looping(other, 0)) == [named, ([], "")]


def test_a_restart_forgets_no_run(core: Core, run: dict[str, Any]) -> None:
    core.take(looping(run, 0), looping(run, 1))
    core.restart()
    assert core.take(looping(run, 2))[0][0] == ["repeated_tool_call"]


def test_a_run_that_comes_from_another_core_goes_on(core: Core, run: dict[str, Any]) -> None:
    """Long after its start, this Core meets a conversation that began elsewhere."""
    core.clock.now -= 2 * HORIZON_S
    core.restart()
    core.clock.now += 2 * HORIZON_S
    Core(core.store).take(looping(run, 0), looping(run, 1))
    assert core.take(looping(run, 2))[0][0] == ["repeated_tool_call"]


def test_a_call_that_is_sent_again_is_said_the_same_of(core: Core, run: dict[str, Any]) -> None:
    """Its two records must be equal, or the store could not tell that they are one."""
    calls = [looping(run, number) for number in range(4)]
    first = core.take(*calls)
    assert core.take(*calls) == first
    core.restart()
    assert core.take(*calls[1:]) == first[1:]


def test_what_is_wrong_with_the_call_itself_goes_first(core: Core, run: dict[str, Any]) -> None:
    """Its signature stays; what a Runtime has named is not named twice."""
    core.take(looping(run, 0), looping(run, 1))
    own = {"failure_kinds": ["truncated"], "failure_signature": "own"}
    told = {"failure_kinds": ["repeated_tool_call"], "failure_signature": signature()}
    assert core.take(looping(run, 2, **own), looping(run, 3, **told)) == [
        (["truncated", "repeated_tool_call"], "own"),
        (["repeated_tool_call"], signature()),
    ]


def test_projects_see_nothing_of_each_other(core: Core, run: dict[str, Any]) -> None:
    for project in ("one", "two"):
        calls = [{**looping(run, number), "project": project} for number in range(2)]
        assert core.take(*calls) == [([], ""), ([], "")]


class Unreadable:
    """A store that answers no question."""

    def turns(self, *_: Any) -> list[dict[str, Any]]:
        raise StoreError("It does not answer.")


def test_a_loop_is_seen_also_when_earlier_calls_cannot_be_read(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """From what is remembered; the trouble is told once."""
    watch = RunWatch(Unreadable())  # type: ignore[arg-type]  # one question is all it asks
    for number in range(3):
        rows = [list(looping({"session": session}, number).values()) for session in "st"]
        watch.note(rows)
    assert rows[1][AT["failure_kinds"]] == ["repeated_tool_call"]
    assert [each.message for each in caplog.records] == (
        ["Earlier calls of agent runs cannot be read: It does not answer."]
    )


def test_what_is_no_turn_is_left_alone(core: Core, run: dict[str, Any]) -> None:
    calls = [{**looping(run, number), "turn": '{"tools": 5}'} for number in range(4)]
    assert core.take(*calls) == [([], "")] * 4
