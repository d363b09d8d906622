"""Asks of the calls in the store what a pattern would have done to them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from arc_core.learning.examples import Example
from arc_core.learning.trial import Trial, trial
from arc_core.storage import CallQuery, CallStore, Row
from arc_core.storage.call_store import MAX_CALLS
from arc_protocol.patterns import Origin, Pattern
from arc_protocol.recording import restore

_FAILURES = 30
"""Failures whose calls are looked at, the most frequent ones."""


@dataclass(frozen=True, slots=True)
class ReplayedFailure:
    """What a pattern would have done to calls that failed alike."""

    signature: str
    error_template: str
    calls: int
    """Recorded calls that were tried; of a frequent failure the newest."""
    matched: int
    changed: int


@dataclass(frozen=True, slots=True)
class Replay:
    """What a pattern would have done to recorded calls."""

    failures: list[ReplayedFailure]
    """The failures with calls that it matches."""
    failing: Trial
    healthy: Trial


def replay(
    store: CallStore, project: str, document: dict[str, Any], since: datetime, until: datetime
) -> Replay:
    """Try a pattern on the calls of a period; of each failure, and of healthy ones, the newest.

    Raises:
        PatternError: the document is no pattern.
        StoreError: the store cannot be read.
    """
    pattern = Pattern.parse(
        {key: value for key, value in document.items() if key != "allocation"},
        origin=Origin.PUSHED,
    )
    groups = store.failure_groups(project, since, until, MAX_CALLS)
    concerned = [group for group in groups if _concerns(pattern, group)][:_FAILURES]
    failing: list[Example] = []
    failures: list[ReplayedFailure] = []
    for group in concerned:
        found = _examples(store.failing(project, group["signature"], since, MAX_CALLS))
        tried = trial(document, found, [])
        failing += found
        if tried.matched_failing:
            words = group["error_template"] or ", ".join(group["failure_kinds"])
            counts = (tried.failing, tried.matched_failing, tried.changed_failing)
            failures.append(ReplayedFailure(group["signature"], words, *counts))
    latest = store.calls(project, CallQuery(since=since, until=until, limit=MAX_CALLS))
    kinds = {(row["provider"], row["operation"]) for row in (*latest, *groups)}
    healthy = [
        example
        for provider, operation in sorted(kinds)
        if pattern.provider in (None, provider) and pattern.operation in (None, operation)
        for example in _examples(store.healthy(project, provider, operation, since, MAX_CALLS))
    ]
    return Replay(failures, trial(document, failing, []), trial(document, [], healthy))


def _concerns(pattern: Pattern, group: Row) -> bool:
    return pattern.provider in (None, group["provider"]) and pattern.operation in (
        None,
        group["operation"],
    )


def _examples(rows: Iterable[Row]) -> list[Example]:
    return [Example(restore(json.loads(row["request"])), row["service"]) for row in rows]
