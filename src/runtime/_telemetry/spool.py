"""Keeps batches on disk while their receiver is away, also beyond the end of the process."""

from __future__ import annotations

import contextlib
import logging
import os
import random
import time
from collections import deque
from pathlib import Path
from typing import Callable, Deque, Dict, List, Optional, Set, Tuple

from runtime import _cache
from runtime._endpoint import Endpoint
from runtime._telemetry import forks
from runtime._telemetry import spool_files as files
from runtime._telemetry.batch import BATCH_LIMIT, SPANS_LIMIT, Batch
from runtime._telemetry.spool_files import CorruptFileError, Lock, Name

_logger = logging.getLogger("arc")

SIZE_LIMIT = 64 * 1024 * 1024
AGE_LIMIT_S = 24 * 3600.0
_SLACK = 16
"""Each process looks at the whole after it has written this part of the limit."""
_PACE_S = 0.25
"""Between two batches from disk, which leaves the receiver to what happens now."""
_LOOK_S = 30.0
"""Between two looks for what other processes, or dead ones, have left."""
_FIRST_LOOK_S = 5.0
_BUSY_S = 1.0
_UNUSABLE_S = 60.0


class Spool:
    """Batches in files, of this process and of others with the same receiver; for one thread.

    Every process writes files of its own. The one that holds the lock delivers the files of all,
    the oldest first, and gives the lock back when there are none, or when the receiver is away. A
    batch is deleted after the receiver has taken it: a process that is killed in between leaves it
    to be sent again, with the same span ids.

    With `named` false nothing is written before a batch was delivered, now or on an earlier day,
    for which the folder stands: who has no receiver at all finds nothing on the disk.
    `has_children` tells whether other processes rely on this one to deliver.
    """

    def __init__(
        self,
        folder: Path,
        *,
        drops: Callable[[str, int], None],
        named: bool = True,
        size_limit: int = SIZE_LIMIT,
        first_look_s: float = 0.0,
        has_children: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._drops = drops
        self._size_limit = size_limit
        self._has_children = has_children
        self._clock = clock
        self._wall_clock = wall_clock
        self.active = named or folder.is_dir()
        """Whether batches are written."""
        self._lock = Lock(folder / "lock")
        self._writer = os.urandom(4).hex()
        self._sequence = 0
        self._own: Dict[Name, int] = {}
        self._queue: Deque[Name] = deque()
        self._taken: Tuple[Name, ...] = ()
        self._undeletable: Set[Name] = set()
        self._used = 0
        self._written = 0
        self._looked_at = float("-inf")
        self._due = clock() + first_look_s
        self._usable_at = float("-inf")
        self._swept = False
        self._complained = False
        self._warned_of_corruption = False

    @classmethod
    def of(
        cls,
        endpoint: Endpoint,
        api_key: Optional[str],
        cache_dir: Optional[str],
        drops: Callable[[str, int], None],
    ) -> Spool:
        """Return the one that all processes with this receiver and this key share."""
        folder = _cache.folder(cache_dir) / "spool" / _cache.identity(endpoint, api_key)
        # many processes may find that their receiver is back when they are started together
        first_look_s = random.random() * _FIRST_LOOK_S
        return cls(
            folder,
            drops=drops,
            named=endpoint.explicit,
            first_look_s=first_look_s,
            has_children=forks.have_children,
        )

    @property
    def spans(self) -> int:
        """Spans of this process that are on disk, as far as it knows."""
        return sum(self._own.values())

    @property
    def wait_s(self) -> float:
        """Seconds until `take` may have something; a long time where others deliver."""
        return max(0.0, self._due - self._clock()) if self._lock.held else _LOOK_S

    def write(self, batch: Batch) -> bool:
        """Put a batch on disk; False when that is not possible."""
        now = self._clock()
        if not self.active or now < self._usable_at:
            return False
        content = files.encode(batch.payload)
        time_ms = int(self._wall_clock() * 1e3)
        self._sequence += 1
        name = Name(time_ms, self._writer, self._sequence, batch.spans, len(content))
        try:
            files.write(self._folder, name, content)
        except OSError as problem:
            self._usable_at = now + _UNUSABLE_S
            self._complain(problem)
            return False
        self._own[name] = batch.spans
        self._used += name.cost
        self._written += name.cost
        if self._lock.held:
            self._queue.append(name)
        self._due = min(self._due, now + _PACE_S)
        full = self._used > self._size_limit
        # as others write as well, and think that they alone do
        much = self._written > self._size_limit // _SLACK
        if full or much or now - self._looked_at > _LOOK_S:
            self._look()
        return True

    def take(self, *, at_once: bool = False) -> Optional[Batch]:
        """Return what is to be delivered next, for `done` or `release`.

        None when there is nothing, when another process delivers, or when it is too early. What
        this process has written comes without a pause when it has to be `at_once`; of what others
        have left, that is one batch for a process which ends soon, or all if it has children.
        """
        now = self._clock()
        children = self._has_children()
        if children and not self._lock.held:
            self._due = min(self._due, self._looked_at + _BUSY_S)
        hurry = at_once and (self._own or children or self._looked_at == float("-inf"))
        if now < self._due and not hurry:
            return None
        if not self._locked():
            self._due = now + _BUSY_S
            return None
        if now - self._looked_at > _LOOK_S or (children and not self._queue):
            self._look()
        batch = self._next()
        if batch is None:
            self.release()
            self._due = now + _LOOK_S
        return batch

    def done(self, batch: Batch) -> None:
        """Forget a batch that the receiver has taken, or will never take."""
        if not self.active:
            self.active = True
            with contextlib.suppress(OSError):
                files.prepare(self._folder)
        self._taken = ()
        for name in batch.files:
            self._own.pop(name, None)
            self._used -= name.cost
            if not files.remove(self._folder, str(name)) and (self._folder / str(name)).exists():
                self._undeletable.add(name)
        if batch.files:
            self._due = self._clock() + _PACE_S

    def refresh(self) -> None:
        """Learn what others have delivered, for a process that does not `take`."""
        if self._own and self._clock() - self._looked_at > _BUSY_S:
            self._look()

    def release(self) -> None:
        """Leave what was taken, and everything else, to whoever comes next."""
        self._taken = ()
        self._queue.clear()
        self._lock.release()

    def _locked(self) -> bool:
        if self._lock.held:
            return True
        try:
            if not self._folder.is_dir() or not self._lock.acquire():
                return False
        except OSError as problem:
            self._complain(problem)
            return False
        if not self._swept:
            self._swept = True
            for folder in files.siblings(self._folder):
                self._expire(folder)
        self._look()
        return True

    def _look(self) -> None:
        """Learn what is there, and drop what is too old or too much."""
        self._looked_at = self._clock()
        self._written = 0
        names = self._expire(self._folder)
        for name in self._taken:
            if name in names:
                names.remove(name)
        self._used = sum(name.cost for name in names)
        if self._used > self._size_limit:
            # some more, so that not every write has to look
            enough = self._size_limit - self._size_limit // _SLACK
            while names and self._used > enough:
                oldest = names.popleft()
                self._used -= oldest.cost
                self._drop(self._folder, oldest, "spool_full")
        there = {*names, *self._taken}
        self._own = {name: spans for name, spans in self._own.items() if name in there}
        self._queue.clear()
        if self._lock.held:
            self._queue.extend(
                name for name in names if name.suffix == "otlp" and name not in self._undeletable
            )

    def _expire(self, folder: Path) -> Deque[Name]:
        now_s = self._wall_clock()
        names = deque(files.listing(folder, now_s))
        while names and names[0].time_ms / 1e3 < now_s - AGE_LIMIT_S:
            self._drop(folder, names.popleft(), "spool_expired")
        return names

    def _drop(self, folder: Path, name: Name, reason: str) -> None:
        if files.remove(folder, str(name)) and name.suffix == "otlp":
            self._drops(reason, name.spans)

    def _next(self) -> Optional[Batch]:
        """Return as many files as one request may hold: messages one after the other are one."""
        payloads: List[bytes] = []
        taken: List[Name] = []
        spans = size = 0
        while self._queue:
            name = self._queue[0]
            spans, size = spans + name.spans, size + name.bytes
            if taken and (spans > SPANS_LIMIT or size > BATCH_LIMIT):
                break
            self._queue.popleft()
            payload = self._payload(name)
            if payload is not None:
                payloads.append(payload)
                taken.append(name)
        if not taken:
            return None
        self._taken = tuple(taken)
        return Batch(b"".join(payloads), sum(name.spans for name in taken), self._taken)

    def _payload(self, name: Name) -> Optional[bytes]:
        try:
            return files.read(self._folder / str(name))
        except FileNotFoundError:  # dropped by another process as too old or too much
            self._own.pop(name, None)
        except CorruptFileError:
            self._put_aside(name)
        except OSError as problem:
            self._complain(problem)
        return None

    def _put_aside(self, name: Name) -> None:
        aside = self._folder / str(name._replace(suffix="corrupt"))
        try:
            os.replace(self._folder / str(name), aside)
        except OSError as problem:
            self._undeletable.add(name)
            self._complain(problem)
        self._own.pop(name, None)
        self._drops("spool_corrupt", name.spans)
        if not self._warned_of_corruption:
            self._warned_of_corruption = True
            _logger.warning(
                "Telemetry kept on disk is damaged and was put aside: %s. The rest is delivered; "
                "the file can be deleted.",
                aside,
            )

    def _complain(self, problem: OSError) -> None:
        if self._complained:
            return
        self._complained = True
        _logger.warning(
            "Telemetry cannot be kept on disk in %s: %s. It waits in memory (up to 8 MiB); "
            "ARC_CACHE_DIR chooses another folder, ARC_SPOOL=0 turns this off.",
            self._folder,
            problem.strerror or problem,
        )
