"""The call store over any engine that speaks ClickHouse's SQL."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from arc_core.model.calls import LARGE
from arc_core.storage import feedback_queries, judged, learning_queries, queries
from arc_core.storage.call_store import (
    MAX_OUTCOMES,
    CallQuery,
    CallStore,
    Row,
    StoreError,
    StoreInfo,
    cursor,
    microseconds,
)
from arc_core.storage.migrations import migrate
from arc_core.storage.schema import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from arc_core.model.calls import CallBatch
    from arc_core.storage.engine import Engine

_COPY_ROWS = 16_384


class SqlCallStore:
    """A `CallStore`; the methods are described there."""

    def __init__(self, engine: Engine) -> None:
        migrate(engine)
        self._engine = engine
        self._with_feedback: set[str] = set()

    def insert(self, batch: CallBatch, *, token: str) -> None:
        """Store a batch."""
        from arc_core.storage.arrow import blocks  # takes as long to import as all of Core

        for block in blocks(batch):
            self._engine.insert(block.table, block.columns, block.stream, token=token)

    def calls(self, project: str, query: CallQuery) -> list[Row]:
        """Return calls without their bodies, newest first."""
        found: dict[str, Row] = {}
        limit = query.limit
        while len(found) < limit:
            # doubles follow each other, and the next page starts behind them
            page = self._rows(queries.calls(self._engine.database, project, query))
            found.update((cursor(row), row) for row in page)
            if len(page) < limit:
                break
            query = replace(query, before=cursor(page[-1]))
        if query.signature is not None and not found:
            # then it is that of a failure which people saw; no call has both
            page = self._rows(feedback_queries.calls(self._engine.database, project, query))
            found.update((cursor(row), row) for row in page)
        return self._judged(project, list(found.values())[:limit])

    def trace(self, project: str, trace_id: str, near: datetime | None = None) -> list[Row]:
        """Return the calls of a trace with their bodies."""
        found = self._rows(queries.trace(self._engine.database, project, trace_id, near))
        return self._with_bodies(project, trace_id, found)

    def call(self, project: str, span_id: str, near: datetime | None = None) -> Row | None:
        """Return a call with its body."""
        found = self._rows(queries.call(self._engine.database, project, span_id, near))
        return self._with_bodies(project, found[0]["trace_id"], found)[0] if found else None

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
        """Return failures grouped by what they share."""
        where = self._engine.database, project, queries.Among(since, until, model, service)
        failures = self._rows(queries.failure_groups(*where, limit))
        if failures:
            times = {group["last_seen"] for group in failures}
            latest = self._rows(queries.latest_failures(*where, times))
            said = {_group(row): row for row in latest}
            # a day may have been dropped in between
            failures = [{**each, **said[_group(each)]} for each in failures if _group(each) in said]
        complaints = self._rows(feedback_queries.groups(*where))
        if not complaints:
            return failures
        totals: list[Row] = []
        if judged.uncounted(failures, complaints):
            totals = self._rows(feedback_queries.totals(*where))
        return judged.joined(failures, complaints, totals, limit)

    def statistics(self, project: str, since: datetime, until: datetime, step_s: int) -> list[Row]:
        """Return sums per step."""
        database = self._engine.database
        return self._rows(queries.statistics(database, project, since, until, step_s))

    def failing(self, project: str, signature: str, since: datetime, limit: int) -> list[Row]:
        """Return calls that failed alike."""
        where = self._engine.database, project, signature, since, limit
        found = self._examples(project, learning_queries.failing(*where))
        if found or not self._has_feedback(project):
            return found
        return self._examples(project, feedback_queries.failing(*where))

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
        """Return calls without failure."""
        where = self._engine.database, project, provider, operation, since, limit, fixed_by
        found = self._examples(project, learning_queries.healthy(*where))
        return [row for row in found if not row["failure_signature"]]

    def outcomes(
        self, project: str, rollout_id: str, after: str | None = None, limit: int = MAX_OUTCOMES
    ) -> list[Row]:
        """Return how the calls of a rollout ended."""
        database = self._engine.database
        where = database, project, rollout_id, after, limit
        calls = self._rows(learning_queries.outcomes(*where))
        said = self._rows(feedback_queries.outcomes(*where)) if self._has_feedback(project) else []
        found = [{**row, "rated": False} for row in calls]
        found += [{**row, "rated": True} for row in said]
        found.sort(key=lambda row: (row["received_at"], row["span_id"]))
        return found[:limit]

    def left_alone(self, project: str, rollout_id: str, limit: int) -> list[Row]:
        """Return calls of a rollout that did not get its fix."""
        where = self._engine.database, project, rollout_id, limit
        return self._examples(project, learning_queries.left_alone(*where))

    def feedback_news(self, project: str, since: datetime) -> list[Row]:
        """Return failures and trials of which feedback has come."""
        since_us = microseconds(since)
        return self._rows(feedback_queries.news(self._engine.database, project, since_us))

    def feedback(
        self, project: str, since: datetime, until: datetime, limit: int = 100
    ) -> list[Row]:
        """Return feedback."""
        database = self._engine.database
        return self._rows(feedback_queries.given(database, project, since, until, limit))

    def feedback_counts(self, project: str, since: datetime, until: datetime) -> Row:
        """Return how much feedback there is."""
        database = self._engine.database
        (row,) = self._rows(feedback_queries.counts(database, project, since, until))
        return row

    def turns(self, project: str, runs: Sequence[str], since_s: float, limit: int) -> list[Row]:
        """Return what the latest calls of agent runs added to them."""
        found: list[Row] = []
        for by in ("session", "trace_id"):
            # each has an index of its own, of which a condition with both would use none
            asked = (self._engine.database, project, by, runs, since_s, limit)
            found += self._rows(learning_queries.turns(*asked))
        return found

    def info(self) -> StoreInfo:
        """Return what is stored where."""
        database = self._engine.database
        (row,) = self._rows(
            (
                "SELECT count() AS calls, toUnixTimestamp(min(received_at)) AS oldest,"
                " (SELECT sum(bytes_on_disk) FROM system.parts"
                "  WHERE active AND database = {database:String}) AS size_bytes"
                f" FROM {database}.calls{queries.SETTINGS}",
                {"database": database},
            )
        )
        return StoreInfo(
            engine=self._engine.name,
            version=self._engine.version,
            location=self._engine.location,
            calls=row["calls"],
            size_bytes=row["size_bytes"],
            oldest=datetime.fromtimestamp(row["oldest"], timezone.utc) if row["calls"] else None,
        )

    def counts(self) -> dict[str, int]:
        """Return the number of calls by project."""
        rows = self._rows(
            (
                "SELECT project, count() AS calls"
                f" FROM {self._engine.database}.calls FINAL GROUP BY project{queries.SETTINGS}",
                {},
            )
        )
        return {row["project"]: row["calls"] for row in rows}

    def enforce_retention(self, *, max_age_days: int | None, max_bytes: int | None) -> int:
        """Drop the oldest days until both limits hold."""
        today = datetime.now(timezone.utc).date()
        days = self._days()
        total, freed = sum(days.values()), 0
        for day in sorted(days):
            date = datetime.strptime(day, "%Y%m%d").date()
            too_old = max_age_days is not None and date < today - timedelta(days=max_age_days)
            too_much = max_bytes is not None and total - freed > max_bytes
            if date >= today or not (too_old or too_much):
                break
            for table in TABLES:
                self._engine.command(
                    f"ALTER TABLE {self._engine.database}.{table} DROP PARTITION ID '{day}'"
                )
            freed += days[day]
        return freed

    def _days(self) -> dict[str, int]:
        """Return the bytes of each day of arrival, written as 20261124."""
        rows = self._rows(
            (
                "SELECT partition_id, sum(bytes_on_disk) AS size FROM system.parts"
                " WHERE active AND database = {database:String}"
                " AND table IN ('calls', 'bodies', 'feedback')"
                f" GROUP BY partition_id{queries.SETTINGS}",
                {"database": self._engine.database},
            )
        )
        return {row["partition_id"]: row["size"] for row in rows}

    def copy_to(self, target: CallStore, progress: Callable[[int, int], None]) -> int:
        """Copy all calls to another store; return their number."""
        if not isinstance(target, SqlCallStore):
            raise StoreError(f"Calls cannot be copied to a {type(target).__name__}.")
        from arc_core.storage.arrow import to_stream

        total, done = self.info().calls, 0
        for day in sorted(self._days()):  # a block is refused when it touches many partitions
            for table, columns in TABLES.items():
                names = ", ".join(column.name for column in columns)
                found = self._engine.read(
                    f"SELECT {names} FROM {self._engine.database}.{table}"
                    f" WHERE _partition_id = '{day}'"
                )
                for batch in found:
                    target._engine.insert(
                        table,
                        [column.name for column in columns],
                        to_stream(batch),
                        token=f"copy-{uuid.uuid4()}",
                    )
                    if table == "calls":
                        done += batch.num_rows
                        progress(done, total)
        return done

    def close(self) -> None:
        """Give the store free for other processes."""
        self._engine.close()

    def _rows(self, question: queries.Question) -> list[Row]:
        return [json.loads(line) for line in self._engine.query(*question).splitlines()]

    def _examples(self, project: str, where: queries.Question) -> list[Row]:
        """Return the calls at the places that a question finds, in their order."""
        database, found = self._engine.database, self._rows(where)
        if not found:
            return []
        times = {row["start_time"] for row in found}
        # first of all what may not be there, as it is read faster
        recorded = self._by_id(learning_queries.requests(database, project, times))
        if not recorded:
            return []
        known = self._by_id(learning_queries.examples(database, project, times))
        keys = [(row["trace_id"], row["span_id"]) for row in found]
        there = [key for key in keys if key in known and key in recorded]
        return self._judged(project, [{**known[key], **recorded[key]} for key in there])

    def _by_id(self, question: queries.Question) -> dict[tuple[str, str], Row]:
        return {(row["trace_id"], row["span_id"]): row for row in self._rows(question)}

    def _judged(self, project: str, rows: list[Row]) -> list[Row]:
        """Add to calls what is said of their replies."""
        times = {row["start_time"] for row in rows if row["response_id"]}
        if not times or not self._has_feedback(project):
            return judged.judge(rows, [])
        return judged.judge(
            rows, self._rows(feedback_queries.of_calls(self._engine.database, project, times))
        )

    def _has_feedback(self, project: str) -> bool:
        """Tell whether anything was ever said in a project: a tenth of the time of asking what."""
        if project not in self._with_feedback:
            if not self._rows(feedback_queries.some(self._engine.database, project)):
                return False
            self._with_feedback.add(project)
        return True

    def _with_bodies(self, project: str, trace_id: str, rows: list[Row]) -> list[Row]:
        if rows:
            times = {row["start_time"] for row in rows}
            question = queries.bodies(self._engine.database, project, trace_id, times)
            found = {row["span_id"]: row for row in self._rows(question)}
            for row in rows:
                row.update(dict.fromkeys(LARGE, ""), **found.get(row["span_id"], {}))
        return self._judged(project, rows)


def _group(row: Row) -> tuple[object, ...]:
    return tuple(row[name] for name in ("provider", "operation", "signature", "last_seen"))
