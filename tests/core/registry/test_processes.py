"""Several processes on one registry, and processes that are killed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from arc_core.registry.registry import Registry
from core.postgres_server import PostgresServer
from core.registry.documents import hot
from core.registry.processes import finished, workers
from core.registry.worker import STEPS


def test_processes_that_open_at_once_make_one_registry(
    url: str, opened: Callable[[str], Registry]
) -> None:
    with workers(url, "read", ["a", "b"]) as processes:
        epochs = set(finished(processes))
    assert epochs == {opened(url).pattern_set("p").epoch + "\n"}


def test_changes_of_processes_at_once_lose_no_step_and_share_no_version(
    url: str, opened: Callable[[str], Registry]
) -> None:
    names = ["a", "b"]
    with workers(url, "change", names) as processes:
        finished(processes)
    registry = opened(url)
    histories = {name: registry.history("p", name) for name in [*names, "shared"]}
    for name in names:
        assert len(histories[name]) == 3 * STEPS
        assert registry.pattern("p", name).revision == STEPS
    assert len(histories["shared"]) == len(names) * STEPS
    revisions = [each.revision for each in histories["shared"]]
    assert revisions == list(range(1, len(names) * STEPS + 1))
    versions = [each.set_version for history in histories.values() for each in history]
    assert sorted(versions) == list(range(1, len(names) * STEPS * 4 + 1))
    assert registry.pattern_set("p").version == len(versions)


def test_a_killed_process_loses_nothing_that_it_was_told_is_kept(
    url: str, opened: Callable[[str], Registry]
) -> None:
    with workers(url, "add_forever", ["a"]) as (process,):
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= 10:
                break
        process.kill()
        told = int([line, *process.communicate()[0].split()][-1])
    registry = opened(url)
    # the last one may have been kept without its having heard
    assert told <= registry.pattern("p", "a").revision <= told + 1
    assert len(registry.history("p", "a")) == registry.pattern("p", "a").revision
    assert registry.pattern_set("p").version == registry.pattern("p", "a").revision


def test_a_crash_of_postgresql_loses_nothing_and_the_registry_goes_on(
    postgres: PostgresServer, opened: Callable[[str], Registry]
) -> None:
    registry = opened(postgres.empty_database())
    registry.add_pattern("p", hot("a"), author="ada")
    postgres.stop()
    try:
        with pytest.raises(Exception, match="cannot be reached; check that PostgreSQL runs"):
            registry.add_pattern("p", hot("b"), author="ada")
    finally:
        postgres.start()
    assert [record.name for record in registry.patterns("p")] == ["a"]
    registry.add_pattern("p", hot("b"), author="ada")
    assert registry.pattern_set("p").version == 2
