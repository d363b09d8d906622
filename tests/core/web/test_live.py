"""Calls as they arrive."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from arc_core.storage import CallQuery
from arc_core.web.live import WAITING_CALLS, LiveCalls
from core.call_records import batch, record
from core.web.served import Served, failing


@contextmanager
def watching(core: Served, query: str = "", key: str | None = None) -> Iterator[Iterator[Any]]:
    """Open a stream; give what comes as (event, data), once nothing will be missed."""
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    connection = http.client.HTTPConnection("127.0.0.1", core.port, timeout=20)
    connection.request("GET", f"/api/v1/calls/stream{query}", headers=headers)
    answer = connection.getresponse()
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.readline() == b": connected\n"
    try:
        yield events(answer)
    finally:
        answer.close()
        connection.close()


def events(answer: http.client.HTTPResponse) -> Iterator[Any]:
    name = ""
    for raw in answer:
        line = raw.decode().rstrip("\n")
        if line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: "):
            yield name, json.loads(line[6:])


def test_a_call_is_seen_as_it_is_stored(core: Served) -> None:
    call = record(project="default", request_model="m", attributes='{"a": 1}', body="secret")
    with watching(core) as seen:
        core.insert(call)
        name, shown = next(seen)
    assert name == "call"
    assert shown == core.ask("/api/v1/calls").json["calls"][0]
    assert "body" not in shown


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("?failed=true", failing(project="default")),
        ("?failed=false", record(project="default")),
        ("?model=m", record(project="default", request_model="m")),
        ("?service=s", record(project="default", service="s")),
        ("?session=x", record(project="default", session="x")),
        ("?pattern=hot", record(project="default", pattern_ids=["a", "hot"])),
        ("?error_code=e", record(project="default", error_code="e")),
        ("?signature=s", record(project="default", failure_signature="s")),
    ],
)
def test_only_what_was_asked_for_is_seen(core: Served, query: str, wanted: dict[str, Any]) -> None:
    others = {
        "failed": not wanted["failed"],
        "request_model": "o",
        "service": "o",
        "session": "o",
        "error_code": "o",
        "pattern_ids": ["o"],
    }
    with watching(core, query) as seen:
        core.insert(record(project="default", **others), record(project="other"), wanted)
        _, shown = next(seen)
    assert shown["span_id"] == wanted["span_id"]


def test_a_key_watches_its_project(core: Served) -> None:
    mine = record(project="mine")
    with watching(core, key=core.key("mine")) as seen:
        core.insert(record(project="default"), mine)
        assert next(seen)[1]["span_id"] == mine["span_id"]


def test_unknown_parameters_are_refused_before_the_stream_begins(core: Served) -> None:
    assert core.ask("/api/v1/calls/stream?since=2026-01-01T00:00:00Z").status == 400


def test_streams_end_with_the_server_and_are_forgotten(core: Served) -> None:
    live = core.context.live
    with watching(core) as seen:
        assert live.watchers == 1
        live.close()
        assert [*seen] == []
    with watching(core) as seen:
        assert [*seen] == []


def test_a_watcher_that_has_gone_is_forgotten(core: Served) -> None:
    live = core.context.live
    with watching(core):
        assert live.watchers == 1
    with watching(core) as seen:  # a round trip through the server's loop for each
        for _ in range(1000):
            core.insert(record(project="default"))
            next(seen)
            if live.watchers == 1:
                break
        assert live.watchers == 1


def test_a_slow_watcher_loses_the_oldest_and_is_told_how_many() -> None:
    async def run() -> None:
        live = LiveCalls()
        with live.watch("p", CallQuery()) as watcher:
            for numbers in (range(10), range(10, 15), range(15, 15 + WAITING_CALLS - 3)):
                live.publish(batch(*(record(project="p", session=str(n)) for n in numbers)))
            news = await watcher.take(10)
            assert news is not None
            dropped, rows = news
            assert dropped == 12
            assert [row["session"] for row in rows] == [
                str(number) for number in range(12, 12 + WAITING_CALLS)
            ]
            live.publish(batch(record(project="p", session="next")))
            assert (await watcher.take(10) or (1, []))[0] == 0

    asyncio.run(run())


def test_a_batch_larger_than_the_room_leaves_its_newest() -> None:
    async def run() -> None:
        live = LiveCalls()
        with live.watch("p", CallQuery()) as watcher:
            calls = (record(project="p", session=str(n)) for n in range(WAITING_CALLS + 5))
            live.publish(batch(*calls))
            news = await watcher.take(10)
            assert news is not None
            assert (news[0], news[1][0]["session"]) == (5, "5")

    asyncio.run(run())


def test_nothing_new_is_said_after_the_time_and_the_end_after_all_calls() -> None:
    async def run() -> None:
        live = LiveCalls()
        with live.watch("p", CallQuery()) as watcher:
            assert await watcher.take(0.01) == (0, [])
            live.publish(batch(record(project="p")))
            live.close()
            news = await watcher.take(10)
            assert news is not None
            assert len(news[1]) == 1
            assert await watcher.take(10) is None

    asyncio.run(run())


def test_batches_of_many_threads_are_all_seen() -> None:
    async def run() -> None:
        live = LiveCalls()
        with live.watch("p", CallQuery()) as watcher:
            threads = [
                threading.Thread(target=live.publish, args=[batch(record(project="p"))])
                for _ in range(50)
            ]
            for thread in threads:
                thread.start()
            count = 0
            while count < len(threads):
                news = await watcher.take(10)
                assert news is not None
                count += len(news[1])
            for thread in threads:
                thread.join()

    asyncio.run(run())


def test_publishing_after_the_loop_has_ended_harms_nobody() -> None:
    live = LiveCalls()

    async def leave() -> Any:
        watch = live.watch("p", CallQuery())
        watch.__enter__()
        return watch

    watch = asyncio.run(leave())
    live.publish(batch(record(project="p")))
    watch.__exit__(None, None, None)
    assert live.watchers == 0
