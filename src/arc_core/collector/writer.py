"""Groups the calls of many requests into few inserts, and tells each when its calls are stored."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from array import array
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from arc_core.collector.counters import Counters
from arc_core.collector.names import AT
from arc_core.collector.refusals import (
    BufferFullError,
    RefusedError,
    UnavailableError,
    UnstorableError,
)
from arc_core.model.calls import CallBatch
from arc_core.model.feedback import Feedback
from arc_core.storage import CallStore, StoreError, StoreFullError

_logger = logging.getLogger("arc.core")

_BUSY = 3
"""How many times as long as the last insert took, a group may wait."""
_RECEIVED_AT = AT["received_at"]
_START_TIME, _DURATION_MS = AT["start_time"], AT["duration_ms"]
_IDENTITY = [AT[name] for name in ("project", "trace_id", "span_id")]


@dataclass(frozen=True)
class Limits:
    """When to insert, and how much may wait."""

    group_rows: int = 8192
    group_bytes: int = 32 * 1024 * 1024
    group_wait_s: float = 0.2
    """The longest that the first request of a group waits for others while inserts are quick."""
    busy_wait_s: float = 1.0
    """The longest that it waits when they are slow: fewer, larger groups cost less."""
    buffer_rows: int = 64 * 1024
    buffer_bytes: int = 128 * 1024 * 1024
    """Of encoded requests."""
    attempts: int = 3
    """Inserts of one group, before its senders are asked to send again."""
    pause_s: float = 0.25
    """Before the second attempt; twice as long before each further one."""
    retry_after_s: float = 1.0
    """What senders are told when the buffer is full."""
    trouble_retry_after_s: float = 5.0
    """What senders are told when the store fails."""
    full_retry_after_s: float = 30.0
    """What senders are told when the disk is full."""


Rows = Sequence[list[Any]]
"""Call records, each with its values in the order of `COLUMNS`."""


class _Request:
    __slots__ = ("arrived_at", "feedback", "looked_at", "rows", "size", "stored")

    def __init__(
        self,
        rows: Rows,
        feedback: Sequence[Feedback],
        size: int,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.rows = rows
        self.feedback = feedback
        self.size = size
        self.looked_at = False
        self.arrived_at = loop.time()
        self.stored: asyncio.Future[None] = loop.create_future()


class Writer:
    """Inserts calls in groups; all methods belong to one event loop.

    While one group is being inserted the next one grows, up to what `limits` allow; beyond that
    requests are refused. No call is dropped: each is stored, or its sender told that it is not.
    """

    def __init__(
        self,
        store: CallStore,
        counters: Counters,
        limits: Limits | None = None,
        *,
        look_at: Callable[[Rows], None] = lambda rows: None,
        stored: Callable[[CallBatch], None] = lambda batch: None,
    ) -> None:
        """`look_at` may complete records before they are stored, once for each request.

        `stored` is given each batch once it is in the store. Both are called in a thread.
        """
        self._look_at = look_at
        counters.waiting_calls.set_function(lambda: self._rows)
        counters.waiting_bytes.set_function(lambda: self._bytes)
        self._store = store
        self._stored = stored
        self._counters = counters
        self._limits = limits or Limits()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="arc-insert")
        self._queue: deque[_Request] = deque()
        self._queued_rows = 0
        self._queued_bytes = 0
        self._rows = 0
        self._bytes = 0
        self._due = asyncio.Event()
        self._alarm: asyncio.TimerHandle | None = None
        self._wait_s = self._limits.group_wait_s
        self._closing = False
        self._task: asyncio.Task[None] | None = None
        self._newest = 0
        """Latest `received_at` of what is in the store, or may be."""
        self._trouble: type[Exception] | None = None

    def start(self) -> None:
        """Begin to insert; on the event loop that is running."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="arc-writer")

    async def close(self) -> None:
        """Refuse what comes from now on, insert what is waiting, and end."""
        self._closing = True
        self._due.set()
        if self._task is not None:
            await self._task
        self._thread.shutdown()

    def reserve(self, size: int) -> None:
        """Set room aside for an encoded request of so many bytes, before work is spent on it.

        `write` or `release` gives it back. Raises `BufferFullError` or `UnavailableError`.
        """
        if self._closing:
            raise self._stopping()
        too_many = self._rows >= self._limits.buffer_rows
        # one request alone is taken whatever its size: it would never be
        if too_many or (self._bytes and self._bytes + size > self._limits.buffer_bytes):
            raise BufferFullError(
                f"Arc Core has {self._rows} calls and {self._bytes} bytes waiting to be stored; "
                "send again later.",
                retry_after_s=self._limits.retry_after_s,
            )
        self._account(0, size)

    def release(self, size: int) -> None:
        """Give the room for a request back that does not come to be written."""
        self._account(0, -size)

    async def write(self, rows: Rows, size: int, feedback: Sequence[Feedback] = ()) -> None:
        """Return when these calls and feedback, of a request of so many bytes, are stored.

        They are stored also when the caller does not wait. Raises `UnavailableError`, after which
        the sender shall send them again, or `UnstorableError`.
        """
        if self._task is None or self._task.done():
            self.release(size)
            raise self._stopping()
        loop = asyncio.get_running_loop()
        request = _Request(rows, feedback, size, loop)
        self._queue.append(request)
        self._queued_rows += len(rows)
        self._queued_bytes += size
        self._account(len(rows), 0)
        self._set_alarm(loop)
        await request.stored

    def _stopping(self) -> UnavailableError:
        return UnavailableError(
            "Arc Core is stopping; send again.", retry_after_s=self._limits.retry_after_s
        )

    def _account(self, rows: int, size: int) -> None:
        self._rows += rows
        self._bytes += size

    def _set_alarm(self, loop: asyncio.AbstractEventLoop) -> None:
        """See to it that the group is inserted in time, and at once when it is large enough."""
        limits = self._limits
        if self._queued_rows >= limits.group_rows or self._queued_bytes >= limits.group_bytes:
            self._due.set()
        elif self._alarm is None:
            self._alarm = loop.call_at(self._queue[0].arrived_at + self._wait_s, self._due.set)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._queue or not self._closing:
            await self._due.wait()
            if not self._closing:
                self._due.clear()
            if self._alarm is not None:
                self._alarm.cancel()
                self._alarm = None
            group = self._take()
            if self._queue:
                self._set_alarm(loop)
            if group:
                await self._store_group(group)

    def _take(self) -> list[_Request]:
        limits = self._limits
        group: list[_Request] = []
        rows = size = 0
        while self._queue and rows < limits.group_rows and size < limits.group_bytes:
            request = self._queue.popleft()
            group.append(request)
            rows += len(request.rows)
            size += request.size
        self._queued_rows -= rows
        self._queued_bytes -= size
        return group

    async def _store_group(self, group: Sequence[_Request]) -> None:
        problem: Exception | None = None
        for attempt in range(self._limits.attempts):
            if attempt:
                await asyncio.sleep(self._limits.pause_s * 2 ** (attempt - 1))
            problem = await self._insert(group)
            if not isinstance(problem, StoreError) or isinstance(problem, StoreFullError):
                break
        self._report(problem)
        if problem is not None and not isinstance(problem, StoreError) and len(group) > 1:
            # something that the store cannot take: find out whose it is
            for request in group:
                await self._store_group([request])
            return
        refusal = self._refusal(problem)
        for request in group:
            self._account(-len(request.rows), -request.size)
            if request.stored.done():  # the sender has given up
                continue
            if refusal is None:
                request.stored.set_result(None)
            else:
                request.stored.set_exception(refusal)

    async def _insert(self, group: Sequence[_Request]) -> Exception | None:
        loop, limits = asyncio.get_running_loop(), self._limits
        started_at = loop.time()
        try:
            await loop.run_in_executor(self._thread, self._insert_now, group)
        except Exception as problem:
            return problem
        finally:
            took_s = loop.time() - started_at
            self._counters.insert_s.observe(took_s)
            self._wait_s = min(max(limits.group_wait_s, _BUSY * took_s), limits.busy_wait_s)
        return None

    def _insert_now(self, group: Sequence[_Request]) -> None:
        for request in group:
            if not request.looked_at:
                request.looked_at = True
                self._look(request.rows)
        batch = CallBatch()
        for request in group:  # one after the other, as far as the processor's cache goes
            for column, values in zip(batch.columns, zip(*request.rows)):
                column += values
        batch.feedback = [*chain.from_iterable(request.feedback for request in group)]
        self._put_in_order(batch)
        self._store.insert(batch, token=token(batch))
        try:
            self._stored(batch)
        except Exception:  # the calls are stored, whoever else wanted to know
            _logger.exception("Stored calls could not be shown.")

    def _look(self, rows: Rows) -> None:
        try:
            self._look_at(rows)
        except Exception:  # they are stored, whatever may be seen in them
            _logger.exception("Calls could not be looked at as parts of their runs.")

    def _put_in_order(self, batch: CallBatch) -> None:
        """See to it that what appears in the store later was received later.

        Whoever has read everything up to a time need not look at it again. Of a batch, feedback
        appears after the calls.
        """
        earliest = self._newest + 1
        received = [max(earliest, each) for each in batch.columns[_RECEIVED_AT]]
        batch.columns[_RECEIVED_AT] = received
        self._newest = max(received, default=self._newest)
        if batch.feedback:
            earliest = max(self._newest + 1, *(each.received_at for each in batch.feedback))
            batch.feedback = [replace(each, received_at=earliest) for each in batch.feedback]
            self._newest = earliest

    def _refusal(self, problem: Exception | None) -> RefusedError | None:
        if problem is None:
            return None
        if isinstance(problem, StoreFullError):
            after_s = self._limits.full_retry_after_s
            return UnavailableError(str(problem), retry_after_s=after_s)
        if isinstance(problem, StoreError):
            after_s = self._limits.trouble_retry_after_s
            return UnavailableError(str(problem), retry_after_s=after_s)
        return UnstorableError(
            f"Arc Core cannot store these calls, by a fault of its own: {problem}."
        )

    def _report(self, problem: Exception | None) -> None:
        """Log the beginning and the end of trouble, not each group of it."""
        kind = None if problem is None else type(problem)
        if kind is self._trouble:
            return
        self._trouble = kind
        if problem is None:
            _logger.info("Calls are stored again.")
        elif isinstance(problem, StoreError):
            _logger.error("Calls are not stored, senders keep them for now: %s", problem)
        else:
            _logger.error("Calls cannot be stored.", exc_info=problem)


def token(batch: CallBatch) -> str:
    """Return what names the content of a batch, whenever it was received."""
    digest = hashlib.sha256()
    for at in _IDENTITY:
        digest.update("\0".join(batch.columns[at]).encode())
    digest.update(array("q", batch.columns[_START_TIME]))
    digest.update(array("d", batch.columns[_DURATION_MS]))
    for each in batch.feedback:
        digest.update("\0".join((each.project, each.span_id, each.response_id)).encode())
    return digest.hexdigest()
