"""The thread: it works when something is stored, survives faults, and ends when told to."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest

from arc_core.learner import Learner
from arc_core.registry.lifecycle import State
from arc_core.registry.registry import Registry
from arc_core.storage import CallStore, StoreError
from core.learner.traffic import refused, traffic

NAME = "openai-o9-mini-temperature-unsupported"
NEVER_S = 3600.0


class Faulty:
    """A store that fails once in what learning asks for first."""

    def __init__(self, store: CallStore) -> None:
        self._store = store
        self.failed = threading.Event()

    def failing(self, project: str, signature: str, since: datetime, limit: int) -> Any:
        if not self.failed.is_set():
            self.failed.set()
            raise StoreError("The disk is on fire.")
        return self._store.failing(project, signature, since, limit)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@contextmanager
def learner(store: Any, registry: Registry, *, manual: bool = False) -> Iterator[Learner]:
    made = Learner(store, registry, interval_s=NEVER_S, manual=manual)
    made.start()
    try:
        yield made
    finally:
        made.close()


def wait_for(moves: queue.Queue[str], project: str) -> None:
    """Return once patterns of a project are published."""
    while moves.get(timeout=30) != project:
        pass


@pytest.fixture
def moves(registry: Registry) -> Iterator[queue.Queue[str]]:
    """Each change of what Runtimes get, as it comes."""
    told: queue.Queue[str] = queue.Queue()
    end = registry.subscribe(lambda project, version: told.put(project))
    yield told
    end()


def test_stored_failures_wake_it(
    store: CallStore, registry: Registry, moves: queue.Queue[str]
) -> None:
    """It does not wait for its interval."""
    batch = traffic("woken", 12)
    with learner(store, registry) as running:
        store.insert(batch, token="woken")
        running.stored(batch)
        wait_for(moves, "woken")
        while registry.pattern("woken", NAME).state is not State.CANARY:
            wait_for(moves, "woken")


def test_it_begins_with_what_is_stored_already(
    store: CallStore, registry: Registry, moves: queue.Queue[str]
) -> None:
    """Core was killed between storing and learning."""
    store.insert(traffic("default", 12), token="stock")
    with learner(store, registry):
        wait_for(moves, "default")
    assert registry.pattern("default", NAME).author == "learner"


def test_a_fault_is_logged_and_it_goes_on(
    store: CallStore,
    registry: Registry,
    moves: queue.Queue[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    batch = traffic("faulty", 12)
    broken = Faulty(store)
    with learner(broken, registry) as running, caplog.at_level(logging.ERROR):
        store.insert(batch, token="faulty")
        running.stored(batch)
        assert broken.failed.wait(30)
        running.stored(batch)
        wait_for(moves, "faulty")
    assert "The disk is on fire." in caplog.text


def test_a_person_decides_where_approval_is_manual(
    store: CallStore, registry: Registry, moves: queue.Queue[str]
) -> None:
    """The pattern waits in the shadow, where it changes nothing."""
    batch = traffic("manual", 12)
    with learner(store, registry, manual=True) as running:
        store.insert(batch, token="manual")
        running.stored(batch)
        wait_for(moves, "manual")
    assert registry.pattern("manual", NAME).state is State.SHADOW


def test_it_ends_before_it_has_begun(store: CallStore, registry: Registry) -> None:
    """Core may be told to end while it starts."""
    Learner(store, registry, interval_s=NEVER_S, manual=False).close()


def test_nothing_is_learned_while_all_patterns_are_stopped(
    store: CallStore, registry: Registry
) -> None:
    """What a person has stopped must not be replaced by something new a moment later."""
    store.insert(traffic("halted", 12), token="halted")
    signature = refused("halted", 1)["failure_signature"]
    learner = Learner(store, registry, interval_s=NEVER_S, manual=False)
    registry.stop("halted", author="ada", reason="")
    learner.work({("halted", signature): 12}, ())
    assert NAME not in {each.name for each in registry.patterns("halted")}
    registry.end_stop("halted", author="ada", reason="")
    learner.work({("halted", signature): 12}, ())
    assert registry.pattern("halted", NAME).state is State.CANARY
