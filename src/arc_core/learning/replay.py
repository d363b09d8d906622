"""Asks of the calls in the store what a pattern would have done to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jsonpatch
import jsonpointer

from arc_core.learning import recorded
from arc_core.learning.examples import Example
from arc_core.learning.trial import Trial, trial, tries
from arc_core.model.operations import stored
from arc_core.storage import CallQuery, CallStore, Row
from arc_core.storage.call_store import MAX_CALLS
from arc_protocol.patterns import Origin, Pattern
from arc_protocol.patterns.explanation import plain

_EXAMPLES = 5
"""Calls that are shown before and after the fix, each of another application or model."""
_CHANGES = 20
_GROUPS = 50
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
class ReplayedGroup:
    """What a pattern would have done to the calls of one application to one model."""

    application: str
    model: str
    failing: int
    changed_failing: int
    healthy: int
    changed_healthy: int


@dataclass(frozen=True, slots=True)
class ReplayedCall:
    """One call before the fix and after it."""

    application: str
    model: str
    failed: bool
    changes: list[dict[str, Any]]
    """Each with path (JSON pointer), and before and after, of which one may be missing."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a replay is."""

    done: int
    """Kinds of calls that were read and tried."""
    of: int


@dataclass(frozen=True, slots=True)
class Replay:
    """What a pattern would have done to recorded calls."""

    failures: list[ReplayedFailure]
    """The failures with calls that it matches."""
    failing: Trial
    healthy: Trial
    groups: list[ReplayedGroup]
    """Those with calls that it would have changed, the most concerned first."""
    examples: list[ReplayedCall]


def replay(
    store: CallStore, project: str, document: dict[str, Any], since: datetime, until: datetime
) -> Replay:
    """Return what a pattern would have done to the calls of a period; raises as `replaying`."""
    *_, found = replaying(store, project, document, since, until)
    assert isinstance(found, Replay)
    return found


def replaying(
    store: CallStore, project: str, document: dict[str, Any], since: datetime, until: datetime
) -> Iterator[Progress | Replay]:
    """Try a pattern on the calls of a period; of each failure, and of healthy ones, the newest.

    Yields how far it is, from `done=0` on, and at last what was found. Healthy calls that a fix had
    changed before they were sent are left out: what they would have met without it is not known.

    Raises:
        PatternError: the document is no pattern.
        StoreError: the store cannot be read.
    """
    pattern = Pattern.parse(
        {key: value for key, value in document.items() if key != "allocation"},
        origin=Origin.PUSHED,
    )
    groups = store.failure_groups(project, since, until, MAX_CALLS)
    concerned = [group for group in groups if _may_concern(pattern, group)][:_FAILURES]
    latest = store.calls(project, CallQuery(since=since, until=until, limit=MAX_CALLS))
    kinds = sorted({_kind(row) for row in latest + groups if _concerns(pattern, row)})
    steps = len(concerned) + len(kinds) + 1
    failing: list[Example] = []
    failures: list[ReplayedFailure] = []
    for done, group in enumerate(concerned):
        yield Progress(done, steps)
        rows = store.failing(project, group["signature"], since, MAX_CALLS)
        found = _examples(pattern, rows)
        tried = trial(document, found, [])
        failing += found
        if tried.matched_failing:
            words = group["error_template"] or ", ".join(group["failure_kinds"])
            counts = (tried.failing, tried.matched_failing, tried.changed_failing)
            failures.append(ReplayedFailure(group["signature"], words, *counts))
    healthy: list[Example] = []
    for done, (provider, operation) in enumerate(kinds, len(concerned)):
        yield Progress(done, steps)
        rows = store.healthy(project, provider, operation, since, MAX_CALLS)
        healthy += _examples(pattern, rows)
    yield Progress(steps - 1, steps)
    both = trial(document, failing, []), trial(document, [], healthy)
    yield Replay(failures, *both, *_by_group(document, failing, healthy))


def _by_group(
    document: dict[str, Any], failing: list[Example], healthy: list[Example]
) -> tuple[list[ReplayedGroup], list[ReplayedCall]]:
    counts: dict[tuple[str, str], list[int]] = {}
    shown: dict[tuple[str, str, bool], ReplayedCall] = {}
    for failed, examples in ((True, failing), (False, healthy)):
        for example, fixed in tries(document, examples):
            model = str(example.request.get("model") or example.request.get("modelId") or "")
            count = counts.setdefault((example.application, model), [0, 0, 0, 0])
            count[0 if failed else 2] += 1
            if fixed is None or fixed is example.request:
                continue
            count[1 if failed else 3] += 1
            key = (example.application, model, failed)
            if len(shown) < _EXAMPLES and key not in shown:
                shown[key] = ReplayedCall(*key, _changes(example.request, fixed))
    groups = [ReplayedGroup(*key, *count) for key, count in counts.items() if count[1] or count[3]]
    groups.sort(key=lambda each: -(each.changed_failing + each.changed_healthy))
    return groups[:_GROUPS], list(shown.values())


def _changes(before: Any, after: Any) -> list[dict[str, Any]]:
    old, new = plain(before), plain(after)
    found = []
    for step in jsonpatch.make_patch(old, new).patch:
        change: dict[str, Any] = {"path": step["path"]}
        if step["op"] in ("replace", "remove"):
            change["before"] = jsonpointer.resolve_pointer(old, step["path"], None)
        elif step["op"] == "move":
            left = jsonpointer.resolve_pointer(old, step["from"], None)
            found.append({"path": step["from"], "before": left})
        if step["op"] != "remove":
            change["after"] = jsonpointer.resolve_pointer(new, step["path"], step.get("value"))
        found.append(change)
    return found[:_CHANGES]


def _kind(row: Row) -> tuple[str, str]:
    """Return the provider of a call or a group of them, and the word of patterns for what it is."""
    return row["provider"], recorded.operation(row)


def _may_concern(pattern: Pattern, group: Row) -> bool:
    """Tell whether some of the calls of a group may be meant; it may have those of several APIs."""
    kept_as = None if pattern.operation is None else stored(pattern.operation)[0]
    return pattern.provider in (None, group["provider"]) and kept_as in (None, group["operation"])


def _concerns(pattern: Pattern, row: Row) -> bool:
    provider, operation = _kind(row)
    return pattern.provider in (None, provider) and pattern.operation in (None, operation)


def _examples(pattern: Pattern, rows: Iterable[Row]) -> list[Example]:
    """Return the calls that a pattern is about."""
    return recorded.examples(row for row in rows if pattern.concerns(*_kind(row), row["server"]))
