"""The call store as the rest of Core sees it, and how to open one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Protocol

from arc_core.model.columns import LATEST_TIME
from arc_protocol.errors import ArcError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from arc_core.model.calls import CallBatch

Row = dict[str, Any]
"""A record or a group by field name; times are microseconds since 1970 UTC, as in `CallBatch`."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_DIGITS = len(str(LATEST_TIME))

MAX_CALLS = 1000
"""The most records that one question gets."""
MAX_OUTCOMES = 10_000
"""The most outcomes that one question gets."""


class StoreError(ArcError):
    """The store cannot do what was asked; the message says what is wrong and what to do."""


class StoreFullError(StoreError):
    """There is no room on the disk; nothing of the batch counts as stored."""


class StoreBusyError(StoreError):
    """Another process has the store open."""


class StoreCorruptError(StoreError):
    """What is stored cannot be read; nothing was changed."""


@dataclass(frozen=True)
class CallQuery:
    """Which calls to return; all that is set must hold."""

    since: datetime | None = None
    """First start time."""
    until: datetime | None = None
    """Start times before this."""
    model: str | None = None
    """The model asked for."""
    service: str | None = None
    failed: bool | None = None
    error_code: str | None = None
    signature: str | None = None
    """What calls that failed alike have in common."""
    pattern: str | None = None
    """A pattern that matched the call."""
    session: str | None = None
    before: str | None = None
    """Calls older than this one: `cursor` of the last row of the previous page."""
    limit: int = 100
    """From 1 to `MAX_CALLS`."""

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_CALLS:
            raise ValueError(f"limit is {self.limit}: choose one from 1 to {MAX_CALLS}")
        for moment in (self.since, self.until):
            if moment is not None:
                microseconds(moment)
        if self.before is not None:
            position(self.before)


def microseconds(moment: datetime) -> int:
    """Return a moment as the store counts time."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone: give one, as in 2026-11-24T12:00:00Z")
    return (moment - _EPOCH) // timedelta(microseconds=1)


def cursor(row: Row) -> str:
    """Return what to give as `CallQuery.before` to go on after this row."""
    return f"{row['start_time']}-{row['span_id']}"


def arrival_cursor(row: Row) -> str:
    """Return what to give to `CallStore.outcomes` to go on after this row."""
    return f"{row['received_at']}-{row['span_id']}"


def position(cursor: str) -> tuple[int, str]:
    """Return the time and the span id of a cursor."""
    time, _, span_id = cursor.partition("-")
    if not (time.isascii() and time.isdigit() and len(time) <= _DIGITS and span_id):
        raise ValueError(f"{cursor!r} is no cursor: take start_time-span_id of the last call")
    return int(time), span_id


@dataclass(frozen=True)
class StoreInfo:
    """What a store is and holds."""

    engine: str
    """chdb or clickhouse."""
    version: str
    """Of the engine."""
    location: str
    """Folder, or address without password."""
    calls: int
    """Records stored, of all projects."""
    size_bytes: int
    """On disk."""
    oldest: datetime | None
    """Earliest `received_at`."""


class CallStore(Protocol):
    """Keeps finished calls. Thread-safe and synchronous: callers on an event loop use a thread."""

    def insert(self, batch: CallBatch, *, token: str) -> None:
        """Store a batch; it survives a kill of this process once this returns.

        A batch that is sent again with the same token, because the first attempt raised, is there
        once. Raises `StoreFullError` or `StoreError`.
        """

    def calls(self, project: str, query: CallQuery) -> list[Row]:
        """Return calls without their bodies, newest first.

        What is said of a call's reply is in its field `feedback`, the earliest first, each with
        given_at, source, outcome, score, label and explanation. When the last word of a source is
        bad and the call did not fail by itself, it is returned as one with the failure `feedback`,
        here and in all other answers.
        """

    def trace(self, project: str, trace_id: str, near: datetime | None = None) -> list[Row]:
        """Return the calls of a trace with their bodies, in the order in which they started.

        `near` limits the search to about a day around it.
        """

    def call(self, project: str, span_id: str, near: datetime | None = None) -> Row | None:
        """Return a call with its body."""

    def failure_groups(
        self,
        project: str,
        since: datetime,
        until: datetime,
        limit: int = 100,
        *,
        model: str | None = None,
        service: str | None = None,
    ) -> list[Row]:
        """Return failures grouped by provider, operation and signature, the largest group first.

        With `model` or `service`, calls of others do not exist. Each has provider, operation,
        signature, count, calls (of this provider and operation), rate, first_seen, last_seen,
        models, services, by_service (counts by name), and of the latest call api, failed,
        failure_kinds, status_code, error_code, error_param, error_type, error_template and
        error_message.
        """

    def statistics(self, project: str, since: datetime, until: datetime, step_s: int) -> list[Row]:
        """Return time, calls, failures, fixed, input_tokens, output_tokens per step with calls."""

    def failing(self, project: str, signature: str, since: datetime, limit: int) -> list[Row]:
        """Return calls with this failure signature whose request was recorded, newest first.

        Of the fields there are those that learning looks at, `request` among them, and `server`,
        where the call went, as patterns name it. `limit` is at most `MAX_CALLS`.
        """

    def healthy(
        self,
        project: str,
        provider: str,
        operation: str,
        since: datetime,
        limit: int,
        *,
        fixed_by: Collection[str] = (),
    ) -> list[Row]:
        """Return calls without failure or fix, the newest of each application and model in turn.

        `operation` is the word of patterns, see `arc_core.model.operations`.

        So the first rows have every application and model, however rare it is among the newest
        million calls. Fields and `limit` are as for `failing`. Of the calls that were changed
        before they were sent there are those that a pattern in `fixed_by` matched.
        """

    def outcomes(
        self, project: str, rollout_id: str, after: str | None = None, limit: int = MAX_OUTCOMES
    ) -> list[Row]:
        """Return how the calls of a rollout ended, in the order in which they were received.

        `after` is `arrival_cursor` of the last row that was dealt with. A call that was received
        twice within ten minutes is there once. A row that is `rated` is no call, but what was said
        first of the reply of one: `failed` when it is bad.
        """

    def left_alone(self, project: str, rollout_id: str, limit: int) -> list[Row]:
        """Return calls of a rollout that were sent as they were asked for, the latest first.

        Failing and healthy ones are among them as they were among all. Fields and `limit` are as
        for `failing`.
        """

    def feedback_news(self, project: str, since: datetime) -> list[Row]:
        """Return rollout_id and signature of calls of which feedback was received since then.

        Each pair once, with the number of calls; either is empty where there is none. Feedback that
        came up to ten minutes earlier is among it, as its calls may have come after it.
        """

    def feedback(
        self, project: str, since: datetime, until: datetime, limit: int = 100
    ) -> list[Row]:
        """Return feedback that was given then, the newest first, with the fields of `Feedback`.

        Its `call_span_id` is that of the call; empty when there is no call with its reply.
        """

    def feedback_counts(self, project: str, since: datetime, until: datetime) -> Row:
        """Return good, bad, neither, and unknown: how much of all has no call."""

    def turns(self, project: str, runs: Sequence[str], since_s: float, limit: int) -> list[Row]:
        """Return what the latest calls of agent runs added to them, each run's as they arrived.

        `runs` are sessions or traces, `since_s` is Unix time, `limit` is per run. Fields are
        trace_id, span_id, session, turn and failure_kinds; a call that was received twice may be
        there twice.
        """

    def info(self) -> StoreInfo:
        """Return what is stored where."""

    def counts(self) -> dict[str, int]:
        """Return the number of calls by project, each call counted once; reads all keys."""

    def enforce_retention(self, *, max_age_days: int | None, max_bytes: int | None) -> int:
        """Drop the oldest days until both limits hold, never the current one; return bytes freed.

        Days are those on which the calls were received, in UTC.
        """

    def copy_to(self, target: CallStore, progress: Callable[[int, int], None]) -> int:
        """Copy all calls to another store; return their number.

        `progress` gets calls done and calls in total. A copy that was interrupted can be repeated.
        """

    def close(self) -> None:
        """Give the store free for other processes."""
