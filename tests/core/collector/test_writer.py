"""Groups, limits and faults of storing, with a store that fails as told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from arc_core.collector.counters import Counters
from arc_core.collector.refusals import BufferFullError, UnavailableError, UnstorableError
from arc_core.collector.writer import Limits, Writer, token
from arc_core.model.calls import CallBatch
from arc_core.storage import StoreError, StoreFullError
from core.call_records import record, said
from core.collector.faulty_store import FaultyStore, rows

QUICK = {"group_wait_s": 0.005, "pause_s": 0.001}


def run(store: FaultyStore, act: Callable[[Writer], Awaitable[Any]], **limits: Any) -> Any:
    """Run a test's coroutine with a writer, and close it."""

    async def whole() -> Any:
        writer = Writer(store, Counters(CollectorRegistry()), Limits(**{**QUICK, **limits}))
        writer.start()
        try:
            return await asyncio.wait_for(act(writer), 20)
        finally:
            store.gate.set()
            await writer.close()

    return asyncio.run(whole())


async def write(writer: Writer, *span_ids: str, size: int = 100) -> None:
    """Write calls as a request does."""
    writer.reserve(size)
    await writer.write(rows(*span_ids), size)


async def entered(store: FaultyStore) -> None:
    """Wait until an insert has begun."""
    assert await asyncio.to_thread(store.entered.acquire, timeout=20)


def test_a_request_is_acknowledged_only_after_its_calls_are_stored() -> None:
    store = FaultyStore()
    store.gate.clear()

    async def act(writer: Writer) -> None:
        request = asyncio.create_task(write(writer, "a", "b"))
        await entered(store)
        assert not request.done()
        store.gate.set()
        await request
        assert store.span_ids == ["a", "b"]

    run(store, act)


def test_requests_that_come_during_an_insert_become_one_group() -> None:
    store = FaultyStore()
    store.gate.clear()

    async def act(writer: Writer) -> None:
        first = asyncio.create_task(write(writer, "a"))
        await entered(store)
        others = [asyncio.create_task(write(writer, each)) for each in "bcd"]
        await asyncio.sleep(0)
        store.gate.set()
        await asyncio.gather(first, *others)

    run(store, act)
    assert store.groups == [1, 3]


def test_a_full_group_does_not_wait() -> None:
    """The wait is an hour: only the number of calls can have set the insert off."""
    store = FaultyStore()
    run(store, lambda writer: write(writer, "a", "b"), group_rows=2, group_wait_s=3600)
    assert store.groups == [2]


def test_a_call_after_a_full_group_waits_for_others_again() -> None:
    store = FaultyStore()

    async def act(writer: Writer) -> None:
        await asyncio.gather(write(writer, "a"), write(writer, "b"))
        third = asyncio.create_task(write(writer, "c"))
        for _ in range(50):
            await asyncio.sleep(0)
        await asyncio.gather(third, write(writer, "d"))

    run(store, act, group_rows=2, group_wait_s=3600)
    assert store.groups == [2, 2]


def test_a_group_closes_at_its_limit_and_the_rest_follows() -> None:
    store = FaultyStore()

    async def act(writer: Writer) -> None:
        await asyncio.gather(*(write(writer, each) for each in "abcde"))

    run(store, act, group_rows=2)
    assert sorted(store.span_ids) == list("abcde")
    assert max(store.groups) == 2


@pytest.mark.parametrize("limits", [{"buffer_rows": 2}, {"buffer_bytes": 250}])
def test_a_full_buffer_refuses_and_takes_again_once_there_is_room(limits: Any) -> None:
    store = FaultyStore()
    store.gate.clear()

    async def act(writer: Writer) -> None:
        held = asyncio.create_task(write(writer, "a", "b", size=200))
        await entered(store)
        with pytest.raises(BufferFullError, match="send again later") as refused:
            await write(writer, "c")
        assert refused.value.retry_after_s == 1
        store.gate.set()
        await held
        await write(writer, "c")

    run(store, act, **limits)
    assert store.span_ids == ["a", "b", "c"]


def test_one_request_larger_than_the_buffer_is_taken_alone() -> None:
    store = FaultyStore()
    run(store, lambda writer: write(writer, "a", size=500), buffer_bytes=250)
    assert store.span_ids == ["a"]


@pytest.mark.parametrize("stored_anyway", [False, True])
def test_an_insert_that_fails_is_repeated_under_the_same_token(stored_anyway: bool) -> None:
    """Whether or not the first attempt was stored, the calls are there once."""
    store = FaultyStore(StoreError("away"), StoreError("away"))
    store.stores_before_failing = stored_anyway
    run(store, lambda writer: write(writer, "a"))
    assert store.span_ids == ["a"]
    assert len(store.tokens) == 3
    assert len(set(store.tokens)) == 1


def test_trouble_that_lasts_is_told_to_senders_and_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "arc.core")
    store = FaultyStore(*[StoreError("The server is away.")] * 4)

    async def act(writer: Writer) -> None:
        for _ in range(2):
            with pytest.raises(UnavailableError, match=r"The server is away\.") as refused:
                await write(writer, "a")
            assert refused.value.retry_after_s == 5
        await write(writer, "a")

    run(store, act, attempts=2)
    assert [record.getMessage() for record in caplog.records] == [
        "Calls are not stored, senders keep them for now: The server is away.",
        "Calls are stored again.",
    ]
    assert store.span_ids == ["a"]


def test_a_full_disk_is_told_at_once_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    store = FaultyStore(*[StoreFullError("The disk is full.")] * 2)

    async def act(writer: Writer) -> None:
        for _ in range(2):
            with pytest.raises(UnavailableError, match=r"The disk is full\.") as refused:
                await write(writer, "a")
            assert refused.value.retry_after_s == 30

    run(store, act)
    assert len(store.tokens) == 2
    assert len(caplog.records) == 1


def test_a_call_that_the_store_cannot_take_does_not_hold_up_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = FaultyStore()
    store.poison = "bad"

    async def act(writer: Writer) -> list[Any]:
        requests = (write(writer, each) for each in ("a", "bad", "b"))
        return await asyncio.gather(*requests, return_exceptions=True)

    good, bad, also_good = run(store, act)
    assert good is None
    assert also_good is None
    assert isinstance(bad, UnstorableError)
    assert store.span_ids == ["a", "b"]
    assert "Calls cannot be stored." in caplog.text


def test_a_sender_that_gives_up_leaves_its_calls_and_the_buffer_in_order() -> None:
    store = FaultyStore()
    store.gate.clear()

    async def act(writer: Writer) -> None:
        impatient = asyncio.create_task(write(writer, "a"))
        await entered(store)
        impatient.cancel()
        patient = asyncio.create_task(write(writer, "b"))
        store.gate.set()
        await patient
        await write(writer, "c")

    run(store, act, buffer_rows=2)
    assert store.span_ids == ["a", "b", "c"]


def test_closing_stores_what_waits_and_refuses_what_comes() -> None:
    store = FaultyStore()

    async def act(writer: Writer) -> None:
        waiting = asyncio.create_task(write(writer, "a"))
        late = asyncio.create_task(asyncio.sleep(0))
        await late
        writer.reserve(10)  # a request that is still being decoded
        await writer.close()
        await waiting
        with pytest.raises(UnavailableError, match="stopping"):
            writer.reserve(10)
        with pytest.raises(UnavailableError, match="stopping"):
            await writer.write(rows("b"), 10)

    run(store, act, group_wait_s=3600)
    assert store.span_ids == ["a"]


def test_the_token_names_the_calls_and_not_when_they_came() -> None:
    def batch(span_id: str, received_at: int) -> CallBatch:
        made = CallBatch()
        row = rows(span_id)[0]
        row[2] = received_at
        made.append(row)
        return made

    assert token(batch("a", 1)) == token(batch("a", 2))
    assert token(batch("a", 1)) != token(batch("b", 1))


def test_calls_that_are_stored_later_were_received_later() -> None:
    """Whoever has read up to a time would miss them otherwise: requests overtake each other."""
    store = FaultyStore()

    async def act(writer: Writer) -> None:
        for number, at in enumerate((7, 5, 7, 20)):
            writer.reserve(1)
            await writer.write(rows(f"a{number}", f"b{number}", received_at=at), 1)

    run(store, act)
    assert store.received == [[7, 7], [8, 8], [9, 9], [20, 20]]


def test_feedback_is_received_after_the_calls_it_is_stored_with() -> None:
    """It appears after them: whoever has read the calls must not take it for known."""
    store = FaultyStore()
    call = record(received_at=5)
    early, late = said(call, received_at=3), said(call, received_at=30)

    async def act(writer: Writer) -> None:
        for calls, feedback in (
            (rows("a", received_at=7), [early, early]),
            ([], [early]),
            (rows("b", received_at=20), [late]),
            (rows("c", received_at=7), []),
        ):
            writer.reserve(1)
            await writer.write(calls, 1, feedback)

    run(store, act)
    assert store.received == [[7], [], [20], [31]]
    assert store.told == [[8, 8], [9], [30], []]
    assert len({*store.tokens}) == 4


def test_whoever_wants_to_see_stored_calls_cannot_unstore_them(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = FaultyStore()

    def fails(batch: CallBatch) -> None:
        raise RuntimeError("no screen")

    async def whole() -> None:
        writer = Writer(store, Counters(CollectorRegistry()), Limits(**QUICK), stored=fails)
        writer.start()
        await write(writer, "a")
        await writer.close()

    asyncio.run(whole())
    assert store.span_ids == ["a"]
    assert "no screen" in caplog.text
