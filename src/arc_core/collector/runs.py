"""Follows agent runs call by call, and names what goes wrong with a run as a whole."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from arc_core.collector.names import AT
from arc_core.detection.failures import Failed, identify
from arc_core.detection.runs import run_kinds
from arc_core.storage import CallStore, StoreError
from arc_protocol.turns import Turn

_logger = logging.getLogger("arc.core")

_PROJECT, _SESSION, _TRACE_ID, _SPAN_ID = (
    AT[name] for name in ("project", "session", "trace_id", "span_id")
)
_TURN, _KINDS, _SIGNATURE = AT["turn"], AT["failure_kinds"], AT["failure_signature"]
_PROVIDER, _OPERATION, _API = AT["provider"], AT["operation"], AT["api"]
_FAILED = AT["failed"]

TURNS = 32
"""Calls of a run that are looked at, the latest."""
HORIZON_S = 3600.0
"""After so long without a call, a run is over."""
_REST = 10.0
"""After a look into the store, for so many times as long as it took none is taken."""
_RUNS = 4_000
"""Runs that are remembered; others are looked up in the store when they go on."""

Run = tuple[str, str]
"""Project, and session or trace."""


class _Seen(NamedTuple):
    """A call of a run that has been looked at."""

    span_id: str
    turn: Turn
    kinds: tuple[str, ...]
    """What became evident with it."""


class RunWatch:
    """Remembers the latest calls of runs; what it has forgotten, or never saw, is in the store.

    So runs are followed over batches, restarts, and from one Core to another. Belongs to the thread
    that stores calls.
    """

    def __init__(self, store: CallStore, *, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._began = clock()
        self._runs: OrderedDict[Run, list[_Seen]] = OrderedDict()
        self._troubled = False
        self._rests_until = 0.0

    def note(self, rows: Iterable[list[Any]]) -> None:
        """Name in these records, before they are stored, what went wrong with their runs."""
        found = [
            (row, turn)
            for row in rows
            if row[_TURN] and (turn := Turn.parse(row[_TURN])) is not None
        ]
        if not found:
            return
        self._look_up({_run(row) for row, turn in found if self._may_go_on(_run(row), turn)})
        for row, turn in found:
            kinds = self._kinds(_run(row), row[_SPAN_ID], turn)
            if kinds:
                _name(row, kinds)
        while len(self._runs) > _RUNS:
            self._runs.popitem(last=False)

    def _kinds(self, run: Run, span_id: str, turn: Turn) -> tuple[str, ...]:
        calls = self._runs.setdefault(run, [])
        self._runs.move_to_end(run)
        for seen in calls:
            if seen.span_id == span_id:  # it is sent again: the same must be said of it
                return seen.kinds
        kinds = tuple(run_kinds([*(seen.turn for seen in calls), turn]))
        calls.append(_Seen(span_id, turn, kinds))
        del calls[:-TURNS]
        return kinds

    def _may_go_on(self, run: Run, turn: Turn) -> bool:
        """Tell whether a run that is not remembered may have had calls before."""
        if run in self._runs:
            return False
        return turn.messages > turn.beginning or self._clock() - self._began < HORIZON_S

    def _look_up(self, runs: set[Run]) -> None:
        """Remember runs that are in the store, unless that has just taken long.

        Calls wait to be stored meanwhile; a run that is not looked up is followed from now on.
        """
        if not runs or time.monotonic() < self._rests_until:
            return
        began = time.monotonic()
        by_project = defaultdict(list)
        for project, key in runs:
            by_project[project].append(key)
        for project, keys in by_project.items():
            try:
                rows = self._store.turns(project, keys, self._clock() - HORIZON_S, TURNS)
            except StoreError as problem:
                # the calls are stored if they can be; only what repeats may be seen later
                if not self._troubled:
                    _logger.warning("Earlier calls of agent runs cannot be read: %s", problem)
                self._troubled = True
                continue
            self._troubled = False
            self._remember(project, rows)
        now = time.monotonic()
        self._rests_until = now + _REST * (now - began)

    def _remember(self, project: str, rows: Sequence[dict[str, Any]]) -> None:
        for row in rows:
            turn = Turn.parse(row["turn"])
            if turn is not None:
                calls = self._runs.setdefault((project, row["session"] or row["trace_id"]), [])
                if all(each.span_id != row["span_id"] for each in calls):
                    calls.append(_Seen(row["span_id"], turn, tuple(row["failure_kinds"])))


def _run(row: list[Any]) -> Run:
    return row[_PROJECT], row[_SESSION] or row[_TRACE_ID]


def _name(row: list[Any], kinds: Sequence[str]) -> None:
    """Note kinds of failures; what is wrong with the call itself goes first."""
    row[_KINDS] = [*row[_KINDS], *(kind for kind in kinds if kind not in row[_KINDS])]
    if not row[_SIGNATURE]:
        failed = Failed(
            provider=row[_PROVIDER],
            operation=row[_OPERATION],
            failed=row[_FAILED],
            kinds=row[_KINDS],
            status=None,
            code="",
            param="",
            type="",
            message="",
            api=row[_API],
        )
        row[_SIGNATURE], _ = identify(failed)
