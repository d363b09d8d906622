"""The Runtimes that Core has seen: what they are, which patterns they have and refuse."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Literal

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from arc_core.registry import tables
from arc_core.registry.access import Access
from arc_core.registry.database import Database
from arc_core.registry.inputs import cleaned

SILENT_AFTER = timedelta(minutes=3)
"""A Runtime that is connected is seen again within 80 s, unless its Core was killed."""
KEPT_FOR = timedelta(days=7)
"""Runtimes that were not seen for so long are forgotten; each process that starts is a new one."""
_FORGET_EVERY = timedelta(hours=1)
_MAX_INTEGER = 2**63 - 1
"""Larger ones fit no column; those on the wire are without sign."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one pattern in a Runtime."""

    revision: int
    digest: str
    """Of the pattern that the verdict is about."""
    state: Literal["applied", "refused", "overridden", "disabled"]
    reason: str
    """One sentence for people; empty where all is well."""


@dataclass(frozen=True, slots=True)
class RuntimeRecord:
    """A Runtime as it last reported."""

    project: str
    runtime_id: str
    service: str
    host: str
    pid: int
    runtime_version: str
    python: str
    sdks: dict[str, str]
    """Version by name of each LLM SDK that is loaded."""
    policy: str
    """What pushed patterns may change; empty where it is not known."""
    heals: bool
    """Whether it sends calls that have failed once more."""
    connected: bool
    """As last reported; a Core that was killed could not take it back, so look at `last_seen`."""
    set_version: int
    set_digest: str
    """Empty when it has no set."""
    verdicts: dict[str, Verdict]
    """By name of the pattern."""
    dropped: dict[str, int]
    """Spans that it could not deliver since it began, by reason."""
    first_seen: datetime
    last_seen: datetime

    def connected_at(self, now: datetime) -> bool:
        """Tell whether it is connected, as far as can be known."""
        return self.connected and now - self.last_seen < SILENT_AFTER


class Runtimes:
    """Reports of Runtimes; each one takes the place of the one before."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._forget_at = datetime.min.replace(tzinfo=timezone.utc)

    def seen(self, report: RuntimeRecord) -> None:
        """Keep a report; what it says of `first_seen` counts for a new Runtime only."""
        values = {
            **{name: getattr(report, name) for name in _AS_THEY_ARE},
            **{name: cleaned(getattr(report, name)) for name in _TEXTS},
            "pid": min(report.pid, _MAX_INTEGER),
            "set_version": min(report.set_version, _MAX_INTEGER),
            "sdks": report.sdks,
            "dropped": report.dropped,
            "verdicts": {name: asdict(verdict) for name, verdict in report.verdicts.items()},
        }
        table = tables.runtime
        later = {name: value for name, value in values.items() if name != "first_seen"}
        place = (table.c.project, table.c.runtime_id)
        with self._database.transaction(Access.REPORT) as connection:
            dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
            insert = dialect.insert(table).values(values)
            connection.execute(insert.on_conflict_do_update(index_elements=place, set_=later))
        self._forget(report.last_seen)

    def select(self, project: str, since: datetime | None) -> list[RuntimeRecord]:
        """Return the Runtimes of a project, the last seen first."""
        table = tables.runtime
        query = (
            select(table)
            .where(table.c.project == project)
            .order_by(table.c.last_seen.desc(), table.c.runtime_id)
        )
        if since is not None:
            query = query.where(table.c.last_seen >= since)
        with self._database.transaction(Access.READ) as connection:
            return [_record(row._mapping) for row in connection.execute(query)]

    def _forget(self, now: datetime) -> None:
        with self._lock:
            if now < self._forget_at:
                return
            self._forget_at = now + _FORGET_EVERY
        old = tables.runtime.c.last_seen < now - KEPT_FOR
        with self._database.transaction(Access.REPORT) as connection:
            connection.execute(delete(tables.runtime).where(old))


_AS_THEY_ARE = ("connected", "heals", "first_seen", "last_seen")
_TEXTS = (
    *("project", "runtime_id", "service", "host"),
    *("runtime_version", "python", "policy", "set_digest"),
)


def _record(row: Mapping[Any, Any]) -> RuntimeRecord:
    verdicts = {name: Verdict(**verdict) for name, verdict in row["verdicts"].items()}
    return RuntimeRecord(**{**row, "verdicts": verdicts})
