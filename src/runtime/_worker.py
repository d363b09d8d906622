"""The one thread of Arc: takes what the application's threads leave and works on it later."""

from __future__ import annotations

import functools
import os
import threading
import time
from collections import deque
from time import perf_counter
from typing import Any, Callable, Deque, List, Optional, Protocol, Tuple

from runtime._guard import Guard
from runtime._load import Load

_SLICE_S = 0.0005
"""How long the worker goes on before it rests; a thread of the application may wait so long."""
_PATIENCE_S = 3.0
_PATIENT_UP_TO = 1024
"""While the application itself keeps a core busy, the worker leaves it alone, for so long and while
so few items wait: a burst of calls ends undisturbed, and a steady stream is still told of. After
that it takes half of the time, and all of it once its queue is half full."""
_GLANCE_S = 0.05
_CHECK = 63
"""Every 64th item, and the first into an empty queue, makes sure that the thread runs."""
_PERIOD_S = 1.0
_FORK_WAIT_S = 0.25
_LONGEST_S = 86_400.0
"""More than this is for ever; an event can wait for 292 years and raises beyond."""


class _Request:
    """Somebody waits until what is queued now has been handled."""

    def __init__(self, drain_until: Optional[float]) -> None:
        self.drain_until = drain_until
        self.done = threading.Event()
        self.well = False


class Task(Protocol):
    """What the worker works on; all of it runs on the worker's thread, except `forget`."""

    def handle(self, item: Any) -> None:
        """Take one item from the queue."""

    def pump(self) -> float:
        """Do what is due; return the seconds until the next time."""

    def drain(self, timeout_s: float) -> bool:
        """Finish everything in the time given; False when it did not suffice."""

    def suspend(self) -> None:
        """Leave no thread and no connection behind; called before a fork, worker stopped."""

    def forget(self) -> None:
        """Be new in a forked child, without touching what belongs to the parent."""


class Worker:
    """Gives queued items to a task, on a daemon thread that starts with `start` or an item."""

    def __init__(
        self,
        task: Task,
        guard: Guard,
        *,
        limit: int = 10_000,
        load_is_high: Optional[Callable[[], bool]] = None,
    ) -> None:
        """`load_is_high` tells whether the application is busy; asked on the worker's thread."""
        self._task = task
        self._load_is_high = load_is_high or Load().is_high
        self._guard = guard
        self._limit = limit
        self._start_lock = threading.Lock()
        self._closed = False
        self._reset()

    def _reset(self) -> None:
        self._queue: Deque[Any] = deque()
        self._at_hand: Tuple[Any, ...] = ()
        self._thread: Optional[threading.Thread] = None
        self._pid = os.getpid()
        self._awake = threading.Event()
        self._stop = threading.Event()
        self._asked: Deque[_Request] = deque()
        self._begun = False
        self.dropped = 0
        """Items that found the queue full; not exact when many threads drop at once."""

    def put(self, item: Any) -> None:
        """Leave an item for the worker: no lock, no system call except on every 64th item."""
        queue = self._queue
        waiting = len(queue)
        if waiting >= self._limit:
            self.dropped += 1
            return
        if not waiting & _CHECK or self._thread is None:
            if not self._runs():
                self._guarded("start", self.start, None)
            queue = self._queue  # another one after a fork
            if waiting >= _PATIENT_UP_TO:
                self._awake.set()
        queue.append(item)

    def _runs(self) -> bool:
        """Tell whether the thread runs in this very process, without a lock."""
        thread = self._thread
        return thread is not None and self._pid == os.getpid() and thread.is_alive()

    @property
    def unused(self) -> bool:
        """Whether nothing has been done in this process, nor left to do; so in a forked child."""
        return self._pid != os.getpid() or not (self._begun or self._queue)

    def start(self) -> None:
        """Start the thread unless it runs in this very process, or has been closed."""
        if self._pid != os.getpid():  # a fork that ran no Python hooks
            self.forget()
        with self._start_lock:
            if self._closed:
                return
            # SystemExit, raised by code of the application, ends a thread without a word
            if self._thread is not None and self._thread.is_alive():
                return
            self._thread = None
            if _ending():
                return
            self._stop = threading.Event()
            thread = threading.Thread(
                target=self._run, args=(self._stop,), name="arc-worker", daemon=True
            )
            thread.start()
            self._thread = thread
            self._begun = True

    def flush(self, timeout_s: float) -> bool:
        """Handle everything queued so far and `drain`; True when that ended in time and well."""
        timeout_s = min(timeout_s, _LONGEST_S)
        return self._ask(_Request(drain_until=time.monotonic() + timeout_s), timeout_s)

    def catch_up(self, timeout_s: float) -> bool:
        """Handle everything queued so far, without `drain`; nothing where no thread runs."""
        # a scrape must not start it while a fork waits for all threads of Arc to end
        if self._thread is None:
            return False
        return self._ask(_Request(drain_until=None), timeout_s)

    def _ask(self, request: _Request, timeout_s: float) -> bool:
        if self._closed:
            return not self._queue
        self._guarded("start", self.start, None)
        self._asked.append(request)
        if self._thread is None and _ending():
            self._round(threading.Event())
        self._awake.set()
        return request.done.wait(timeout_s) and request.well

    def stop(self, timeout_s: float = _FORK_WAIT_S, *, patient: bool = False) -> bool:
        """End the thread; what is queued stays and is handled when it starts again.

        A `patient` caller lets a thread go on that does not end in time.
        """
        with self._start_lock:
            thread, self._thread = self._thread, None
            self._stop.set()
            self._awake.set()
            if thread is None or thread is threading.current_thread():
                return True
            thread.join(timeout_s)
            if patient and thread.is_alive():
                # a second one must not work on the task beside it
                self._thread = thread
                self._stop.clear()
            return not thread.is_alive()

    def close(self, timeout_s: float) -> bool:
        """End for good: calls that end later, such as streams still open, start nothing again."""
        self._closed = True
        self._limit = 0
        return self.stop(timeout_s)

    def left(self) -> List[Any]:
        """Return the items that have not been handled to their end."""
        return [*self._at_hand, *self._queue]

    def before_fork(self) -> None:
        """Leave no thread and no connection for a child to inherit; the next item restarts."""
        if self._thread is not None and self.stop(patient=True):
            self._guarded("suspend", self._task.suspend, None)

    def after_fork(self) -> None:
        """Go on at once in the parent, for what its children leave to it."""
        self._guarded("start", self.start, None)

    def forget(self) -> None:
        """Be new in a forked child: what was queued belongs to the parent."""
        self._start_lock = threading.Lock()
        self._reset()
        self._guarded("forget", self._task.forget, None)

    def wake(self) -> None:
        """Let the worker look after its task now; may be called from any thread."""
        self._awake.set()

    def _next(self) -> None:
        self._at_hand = (self._queue.popleft(),)
        try:
            self._task.handle(self._at_hand[0])
        finally:
            self._at_hand = ()

    def _run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self._awake.clear()
            self._round(stop)
            if self._asked:
                continue  # a program that ends waits for a short time only
            delay_s = self._guarded("pump", self._task.pump, _PERIOD_S)
            if not stop.is_set() and not self._asked:
                self._awake.wait(min(delay_s, _PERIOD_S))

    def _round(self, stop: threading.Event) -> None:
        asked = [self._asked.popleft() for _ in range(len(self._asked))]
        patient_until = perf_counter() + _PATIENCE_S
        slice_at = perf_counter()
        for _ in range(len(self._queue)):
            self._guarded("worker", self._next, None)
            if stop.is_set():
                break
            took_s = perf_counter() - slice_at
            if took_s >= _SLICE_S:
                if asked or self._asked or len(self._queue) > self._limit // 2:
                    time.sleep(0)
                else:
                    stop.wait(took_s)
                    self._let_pass(stop, patient_until)
                slice_at = perf_counter()
        for request in asked:
            request.well = True
            if request.drain_until is not None:
                left_s = max(0.0, request.drain_until - time.monotonic())
                request.well = self._guarded(
                    "drain", functools.partial(self._task.drain, left_s), False
                )
            request.done.set()

    def _let_pass(self, stop: threading.Event, patient_until: float) -> None:
        """Wait while the application is busy, as long as there is patience for it."""
        while (
            len(self._queue) <= _PATIENT_UP_TO
            and perf_counter() < patient_until
            and not stop.is_set()
            and not self._asked
            and self._load_is_high()
        ):
            # for those who ask, and for what waits; the task itself is looked after next
            self._awake.wait(_GLANCE_S)
            self._awake.clear()

    def _guarded(self, step: str, action: Callable[[], Any], otherwise: Any) -> Any:
        try:
            return action()
        except Exception as fault:
            self._guard.caught(step, fault)
            return otherwise


def _ending() -> bool:
    """Tell whether the interpreter ends: Python 3.12 starts no thread then."""
    return not threading.main_thread().is_alive()
