"""The worker's thread: it survives its task, is bounded, stops, and starts again after a fork."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from time import process_time, thread_time
from typing import Any, Iterator, List

import openai
import pytest

from runtime._guard import Guard
from runtime._load import Load
from runtime._worker import Worker
from runtime_shapes import RISKY
from telemetry.receiver import free_port
from waiting import wait_until


class Collecting:
    """A task that keeps what it is given, and fails as it is told to."""

    def __init__(self) -> None:
        self.items: List[Any] = []
        self.started = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()
        self.failing: List[BaseException] = []
        self.drained = True
        self.steps: List[str] = []
        self.suspended = 0

    def handle(self, item: Any) -> None:
        self.started.set()
        self.go_on.wait(20)
        if self.failing:
            raise self.failing.pop()
        self.items.append(item)

    def pump(self) -> float:
        self.steps.append("pump")
        return 1.0

    def drain(self, timeout_s: float) -> bool:
        self.steps.append("drain")
        return self.drained

    def suspend(self) -> None:
        self.suspended += 1

    def forget(self) -> None:
        self.items = []


class Slow:
    """Spends about as long on each item as telemetry does."""

    def __init__(self, task: Collecting) -> None:
        self._task = task
        self.pump, self.drain, self.suspend = task.pump, task.drain, task.suspend
        self.forget = task.forget

    def handle(self, item: Any) -> None:
        until = thread_time() + 0.0002
        while thread_time() < until:
            pass
        self._task.handle(item)


@pytest.fixture
def task() -> Collecting:
    return Collecting()


@pytest.fixture
def guard() -> Guard:
    return Guard()


@pytest.fixture
def worker(task: Collecting, guard: Guard) -> Iterator[Worker]:
    made = Worker(task, guard, limit=100)
    yield made
    task.go_on.set()
    assert made.stop(10)


def workers() -> List[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "arc-worker"]


def test_items_are_handled_in_order(worker: Worker, task: Collecting) -> None:
    """What one thread puts is handled in the order in which it was put."""
    for number in range(90):
        worker.put(number)
    assert worker.flush(10)
    assert task.items == list(range(90))


def test_every_item_of_many_threads_is_handled_once(task: Collecting, guard: Guard) -> None:
    """No item is lost or doubled when threads put at the same time."""
    worker = Worker(task, guard)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(worker.put, range(8000)))
    assert worker.flush(20)
    assert sorted(task.items) == list(range(8000))
    assert worker.dropped == 0
    assert worker.stop(10)


def test_nothing_starts_before_it_is_needed(worker: Worker) -> None:
    """A worker is no thread until it has something to do; then it is one that ends with Python."""
    assert workers() == []
    worker.put(1)
    worker.put(2)
    [thread] = workers()
    assert thread.daemon


def test_item_that_fails_costs_only_itself(worker: Worker, task: Collecting, guard: Guard) -> None:
    """A fault in the task is counted; what comes after it is handled."""
    task.failing = [ValueError("a"), KeyError("b")]
    for number in range(4):
        worker.put(number)
    assert worker.flush(10)
    assert task.items == [2, 3]
    assert guard.counts == {"worker": 2}


@pytest.mark.parametrize("step", ["pump", "drain"])
def test_task_that_cannot_be_looked_after_costs_no_item(
    step: str, worker: Worker, task: Collecting, guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Faults elsewhere in the task leave the thread alive, and a flush says that it failed."""

    def fail(*_: Any) -> Any:
        raise RuntimeError(step)

    monkeypatch.setattr(task, step, fail)
    for number in range(3):
        worker.put(number)
        assert worker.flush(10) is (step != "drain")
    assert task.items == [0, 1, 2]
    assert guard.counts[step] >= 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_thread_that_was_ended_is_replaced(worker: Worker, task: Collecting) -> None:
    """`sys.exit()` in code that the application has hung into telemetry ends the thread."""
    task.failing = [SystemExit(1)]
    worker.start()
    [thread] = workers()
    worker.put("lost")
    thread.join(10)
    worker.put("kept")
    assert worker.flush(10)
    assert task.items == ["kept"]


def test_queue_is_bounded_and_counts_what_it_drops(worker: Worker, task: Collecting) -> None:
    """Behind a task that hangs, items beyond the limit are dropped, the newest first."""
    task.go_on.clear()
    worker.put("hanging")
    assert task.started.wait(10)
    for number in range(130):
        worker.put(number)
    assert worker.dropped == 30
    task.go_on.set()
    assert worker.flush(10)
    assert task.items == ["hanging", *range(100)]


def test_flush_ends_when_its_time_is_over(worker: Worker, task: Collecting) -> None:
    """It says that there was not enough time; a later one says that there was."""
    task.go_on.clear()
    worker.put(1)
    assert not worker.flush(0.05)
    task.go_on.set()
    assert worker.flush(10)
    task.drained = False
    assert not worker.flush(10)


def test_flush_goes_before_what_is_merely_due(worker: Worker, task: Collecting) -> None:
    """Whoever waits has little time: nothing else is begun once the items are handled."""
    task.go_on.clear()
    worker.put(1)
    assert task.started.wait(10)
    task.steps.clear()
    with ThreadPoolExecutor() as others:
        flushing = others.submit(worker.flush, 10)
        wait_until(lambda: bool(worker._asked))
        task.go_on.set()
        assert flushing.result()
    assert task.steps[0] == "drain"


def test_busy_application_is_left_alone_until_much_waits(task: Collecting, guard: Guard) -> None:
    looked, busy = threading.Event(), threading.Event()
    busy.set()

    def load_is_high() -> bool:
        looked.set()
        return busy.is_set()

    worker = Worker(Slow(task), guard, load_is_high=load_is_high)
    try:
        for n in range(100):
            worker.put(n)
        assert looked.wait(20)
        before = len(task.items)
        assert before < 100, "it must look after its first slice of work"
        for n in range(1000):
            worker.put(n)
        wait_until(lambda: len(task.items) >= 100)
    finally:
        busy.clear()
        worker.close(20)


def test_busy_application_still_gets_what_it_asks_for(task: Collecting, guard: Guard) -> None:
    worker = Worker(Slow(task), guard, load_is_high=lambda: True)
    try:
        for n in range(100):
            worker.put(n)
        assert worker.flush(20)
        assert len(task.items) == 100
    finally:
        worker.close(20)


def test_always_busy_application_is_told_of(task: Collecting, guard: Guard) -> None:
    worker = Worker(Slow(task), guard, load_is_high=lambda: True)
    try:
        for n in range(100):
            worker.put(n)
        wait_until(lambda: len(task.items) == 100)
    finally:
        worker.close(20)


def test_load_is_that_of_the_other_threads() -> None:
    load, started, ended = Load(), threading.Event(), threading.Event()
    until = process_time() + 0.1
    while process_time() < until:  # this thread's own work does not count
        pass
    assert not load.is_high()

    def work() -> None:
        started.set()
        while not ended.is_set():
            pass

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert started.wait(20)
        wait_until(load.is_high)
    finally:
        ended.set()
        thread.join()
    load.is_high()
    wait_until(lambda: not load.is_high())


def test_stopped_worker_keeps_its_items(worker: Worker, task: Collecting) -> None:
    """Stopping ends the thread; what came meanwhile is handled when it starts again."""
    worker.put(1)
    assert worker.flush(10)
    assert worker.stop(10)
    assert workers() == []
    worker.put(2)
    worker.put(3)
    assert worker.flush(10)
    assert task.items == [1, 2, 3]


def test_closed_worker_stays_closed(worker: Worker, task: Collecting) -> None:
    """What comes after the end is dropped and counted; a flush has nothing to wait for."""
    worker.put(1)
    assert worker.flush(10)
    assert worker.close(10)
    worker.put(2)
    worker.start()
    assert worker.flush(10)
    assert workers() == []
    assert (task.items, worker.dropped) == ([1], 1)


def test_stream_that_outlives_arc_starts_nothing(
    start: Any, space: Any, client: openai.OpenAI
) -> None:
    """After shutdown the rest of a stream arrives, and no thread or port is opened for it."""
    arc = start(metrics_port=free_port())
    stream = client.chat.completions.create(**RISKY, stream=True)
    next(stream)
    wait_until(lambda: arc.metrics_url is not None)
    arc.shutdown()
    assert list(stream)
    assert arc.flush(10)
    assert [t.name for t in threading.enumerate() if t.name.startswith("arc-")] == []


def test_worker_can_stop_itself(worker: Worker, task: Collecting) -> None:
    """A shutdown called by code on the worker's own thread does not wait for itself."""
    ended = threading.Event()
    task.handle = lambda _: ended.set() if worker.stop() else None  # type: ignore[method-assign]
    worker.put(1)
    assert ended.wait(10)


def test_scrape_does_not_start_a_stopped_worker(worker: Worker) -> None:
    """Between the end of the thread and a fork nothing may start it again."""
    worker.put(1)
    assert worker.flush(10)
    worker.before_fork()
    assert not worker.catch_up(5)
    assert workers() == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")
@pytest.mark.parametrize("hooks", [True, False], ids=["with hooks", "without hooks"])
def test_fork(hooks: bool, worker: Worker, task: Collecting) -> None:
    """The child has its own thread and none of the parent's items; the parent goes on."""
    worker.put("parent's")
    assert worker.flush(10)
    if hooks:
        task.go_on.clear()
        task.started.clear()
        worker.put("under way")
        assert task.started.wait(10)
        worker.put("waiting")
        worker.before_fork()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.alarm(20)
            task.go_on = threading.Event()
            task.go_on.set()
            if hooks:
                worker.forget()
            else:
                task.items = []
            worker.put("child's")
            flushed = worker.flush(10)
            code = 0 if flushed and task.items == ["child's"] else 2
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    task.go_on.set()
    assert worker.flush(10)
    # one after the other: the thread that was busy has gone on, and no other beside it
    assert task.items == ["parent's", *(["under way", "waiting"] if hooks else [])]
