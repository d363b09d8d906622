"""Which Runtimes are there for trials, and what they say of the patterns on trial."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from arc_core.registry.lifecycle import State
from arc_core.registry.records import PatternRecord
from arc_core.registry.registry import Registry
from arc_core.registry.runtimes import SILENT_AFTER, RuntimeRecord
from arc_protocol.patterns.allocation import CALL
from arc_protocol.patterns.policy import refusal

_FRESH = timedelta(seconds=1)
"""What was read so recently is not read again: batches of calls can come faster."""
_TOLERATED = 0.01
"""Share of the Runtimes that may not take a pattern."""


class Fleet:
    """The connected Runtimes of each project."""

    def __init__(self, registry: Registry, clock: Callable[[], datetime]) -> None:
        self._registry = registry
        self._clock = clock
        self._read: dict[str, tuple[datetime, list[RuntimeRecord]]] = {}

    def rescuers(self, project: str) -> int:
        """Return how many send calls that have failed once more."""
        return sum(runtime.heals for runtime in self._connected(project))

    def unfit(self, record: PatternRecord) -> str | None:
        """Say why a pattern must go, as too many have switched it off or refuse it.

        Those whose own policy forbids it say nothing about the pattern, nor do those that know no
        rescue yet, or no runs as units.
        """
        connected = self._connected(record.project)
        against = [
            verdict.reason
            for runtime in connected
            for verdict in [runtime.verdicts.get(record.name)]
            if verdict is not None
            and verdict.revision == record.revision
            and (
                verdict.state == "disabled"
                or (
                    verdict.state == "refused"
                    and not _is_new_to_some(record)
                    and not _forbids(runtime, record)
                )
            )
        ]
        if len(against) <= _TOLERATED * len(connected):
            return None
        return f"{len(against)} of {len(connected)} Runtimes do not take it: {against[0]}"

    def _connected(self, project: str) -> list[RuntimeRecord]:
        now = self._clock()
        read_at, known = self._read.get(project, (None, []))
        if read_at is None or not timedelta() <= now - read_at < _FRESH:
            found = self._registry.runtimes(project, since=now - SILENT_AFTER)
            known = [runtime for runtime in found if runtime.connected_at(now)]
            self._read[project] = now, known
        return known


def _is_new_to_some(record: PatternRecord) -> bool:
    by_runs = (record.allocation or {}).get("unit", CALL) != CALL
    return by_runs or record.state is State.RESCUE


def _forbids(runtime: RuntimeRecord, record: PatternRecord) -> bool:
    try:
        return refusal(record.document["fix"], runtime.policy) is not None
    except ValueError:  # a policy of a later version
        return False
