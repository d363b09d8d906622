from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterator

import psycopg
import pytest
from sqlalchemy import make_url

from arc_core.registry.lifecycle import State
from arc_core.registry.registry import Registry
from core.postgres_server import PostgresServer
from core.registry.documents import hot
from core.registry.processes import finished, workers

WITHIN_S = 30
WHO = {"author": "ada", "reason": "because"}


class Told:
    """Remembers what a subscriber is told."""

    def __init__(self) -> None:
        self.changes: queue.Queue[tuple[str, int]] = queue.Queue()

    def __call__(self, project: str, version: int) -> None:
        self.changes.put((project, version))

    def next(self) -> tuple[str, int]:
        return self.changes.get(timeout=WITHIN_S)

    def until(self, project: str, version: int) -> list[tuple[str, int]]:
        found = [self.next()]
        while found[-1] != (project, version):
            found.append(self.next())
        return found


def test_a_subscriber_is_told_of_each_change_of_what_is_in_force(registry: Registry) -> None:
    registry.add_pattern("p", hot("before"), author="ada")
    told = Told()
    registry.subscribe(told)
    registry.add_pattern("p", hot("trial"), author="ada", state=State.CANDIDATE)
    registry.add_pattern("p", hot("a"), author="ada")
    assert told.next() == ("p", 2)
    registry.add_pattern("q", hot("a"), author="ada")
    assert told.next() == ("q", 1)
    registry.transition("p", "a", State.PAUSED, **WHO)
    assert told.next() == ("p", 3)


def test_what_is_told_can_be_read(registry: Registry) -> None:
    """The commit comes first."""
    seen: queue.Queue[int] = queue.Queue()
    registry.subscribe(lambda project, _: seen.put(registry.pattern_set(project).version))
    registry.add_pattern("p", hot("a"), author="ada")
    assert seen.get(timeout=WITHIN_S) == 1


def test_a_subscriber_may_change_patterns(registry: Registry) -> None:
    told = Told()

    def pause(project: str, version: int) -> None:
        if version == 1:
            registry.transition(project, "a", State.PAUSED, **WHO)

    registry.subscribe(pause)
    registry.subscribe(told)
    registry.add_pattern("p", hot("a"), author="ada")
    told.until("p", 2)
    assert registry.pattern("p", "a").state is State.PAUSED


def test_a_failing_subscriber_does_not_keep_others_from_being_told(
    registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    told = Told()
    registry.subscribe(lambda project, version: 1 / 0)  # type: ignore[arg-type,return-value]
    registry.subscribe(told)
    for number, name in enumerate("ab", 1):
        registry.add_pattern("p", hot(name), author="ada")
        assert told.next() == ("p", number)
    assert "ZeroDivisionError" in caplog.text


def test_who_has_left_is_told_nothing(registry: Registry) -> None:
    left, told = Told(), Told()
    leave = registry.subscribe(left)
    registry.subscribe(told)
    leave()
    leave()
    registry.add_pattern("p", hot("a"), author="ada")
    told.next()
    assert left.changes.empty()


def test_many_changes_arrive_in_order_up_to_the_last(registry: Registry) -> None:
    told = Told()
    registry.subscribe(told)
    threads = [
        threading.Thread(target=registry.add_pattern, args=("p", hot(name)), kwargs={"author": "a"})
        for name in "abcdefgh"
    ]
    for thread in threads:
        thread.start()
    versions = [version for _, version in told.until("p", len(threads))]
    assert versions == sorted(set(versions))
    for thread in threads:
        thread.join()


def test_changes_of_other_processes_are_told(registry: Registry, url: str) -> None:
    told = Told()
    registry.subscribe(told)
    with workers(url, "add_once", ["far"]) as processes:
        finished(processes)
        assert told.next() == ("p", 1)
    assert registry.pattern_set("p").entries[0].name == "far"


def test_closing_ends_the_thread_also_from_within(
    url: str, opened: Callable[[str], Registry]
) -> None:
    before = set(threading.enumerate())
    registry = opened(url)
    registry.subscribe(Told())
    (thread,) = set(threading.enumerate()) - before
    registry.close()
    assert not thread.is_alive()


def _admin(url: str) -> psycopg.Connection[tuple[int]]:
    folder = make_url(url).query["host"]
    return psycopg.connect(f"host={folder} user=arc dbname=postgres", autocommit=True)


def test_postgresql_notifies_of_each_change_once_it_is_committed(
    postgres: PostgresServer, opened: Callable[[str], Registry]
) -> None:
    url = postgres.empty_database()
    registry = opened(url)
    with _admin(url) as listening:
        listening.execute("LISTEN arc_change")
        registry.add_pattern("p", hot("a"), author="ada")
        notes = list(listening.notifies(timeout=WITHIN_S, stop_after=1))
        seen = listening.execute("SELECT revision FROM arc_change").fetchall()
    assert len(notes) == 1
    assert seen == [(1,)]


def test_a_cut_connection_to_postgresql_loses_no_change(
    postgres: PostgresServer, opened: Callable[[str], Registry]
) -> None:
    url = postgres.empty_database()
    registry, told = opened(url), Told()
    registry.subscribe(told)
    registry.add_pattern("p", hot("a"), author="ada")
    told.until("p", 1)
    with _admin(url) as admin:
        cut = admin.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE query LIKE 'LISTEN%' AND pid <> pg_backend_pid()"
        ).fetchall()
    assert cut == [(1,)]
    with workers(url, "add_once", ["far"]) as processes:
        finished(processes)
        told.until("p", 2)


class Complaints(logging.Handler):
    """Waits for what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.said: queue.Queue[str] = queue.Queue()

    def emit(self, record: logging.LogRecord) -> None:
        self.said.put(record.getMessage())


@pytest.fixture
def complaints() -> Iterator[Complaints]:
    handler, logger = Complaints(), logging.getLogger("arc.core.registry")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


def test_an_outage_of_postgresql_is_logged_once_and_its_end_is_seen(
    postgres: PostgresServer, opened: Callable[[str], Registry], complaints: Complaints
) -> None:
    registry, told = opened(postgres.empty_database()), Told()
    registry.subscribe(told)
    registry.add_pattern("p", hot("a"), author="ada")
    told.until("p", 1)
    postgres.stop()
    try:
        assert "are not seen for now" in complaints.said.get(timeout=WITHIN_S)
    finally:
        postgres.start()
    registry.add_pattern("p", hot("b"), author="ada")
    told.until("p", 2)
    assert complaints.said.empty()
