"""Which failing calls no pattern cares for, and which patterns were learned from a failure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from arc_core.learning.recorded import examples, operation
from arc_core.model.calls import FIXED
from arc_core.registry.lifecycle import State
from arc_core.registry.records import PatternRecord
from arc_core.rollout.overlap import matches
from arc_core.storage import Row
from arc_protocol.patterns import Origin, Pattern

_CARED_FOR = frozenset(
    {State.CANDIDATE, State.SHADOW, State.RESCUE, State.CANARY, State.ACTIVE, State.DORMANT}
)
"""States of patterns whose calls need no other pattern."""

Ends = frozenset[tuple[str, str]]
"""States of the patterns that were learned from a failure, by name."""


def ends(known: Sequence[PatternRecord], signature: str) -> Ends:
    """Return how the patterns stand that were learned from a failure."""
    return frozenset(
        (each.name, each.state.value)
        for each in known
        if each.evidence.get("signature") == signature
    )


def has_pattern(known: Sequence[PatternRecord], signature: str) -> bool:
    """Tell whether a pattern learned from a failure is in force or on trial."""
    return any(
        each.state in _CARED_FOR and each.evidence.get("signature") == signature for each in known
    )


def cures(known: Sequence[PatternRecord], signature: str) -> frozenset[str]:
    """Return the names of the patterns that were learned from a failure."""
    return frozenset(each.name for each in known if each.evidence.get("signature") == signature)


def uncared(rows: Sequence[Row], known: Sequence[PatternRecord]) -> list[Row]:
    """Return the calls that no pattern cares for which is in force or on trial."""
    first, calls = rows[0], list(zip(rows, examples(rows)))
    asked = (example.request.get("model") for _, example in calls)
    models = {model for model in asked if isinstance(model, str)}
    patterns = [
        (each, Pattern.parse(each.document, origin=Origin.PUSHED))
        for each in known
        if each.state in _CARED_FOR
        and each.document.get("provider") in (None, first["provider"])
        and each.document.get("operation") in (None, operation(first))
        and _may_match(each.document["pattern"], models)
    ]
    return [
        row
        for row, example in calls
        if not any(
            (pattern.servers is None or example.server in pattern.servers)
            and matches(pattern, example.request)
            and not _is_about_another(record, row)
            for record, pattern in patterns
        )
    ]


def _is_about_another(record: PatternRecord, row: Row) -> bool:
    """Tell whether a call has failed with a proven pattern's fix, which is for something else.

    A call may have two faults, of which the provider names the second when the first is gone; and a
    pattern that somebody has added may match every call.
    """
    return (
        record.state is State.ACTIVE
        and record.evidence.get("signature") != row["failure_signature"]
        and record.name in row["pattern_ids"]
        and row["fix_outcome"] == FIXED
    )


def _may_match(pattern: Mapping[str, Any], models: Collection[str]) -> bool:
    """Tell whether a pattern can match calls of these models, without parsing it.

    Of ten thousand patterns most name one other model.
    """
    model = pattern.get("model")
    return not isinstance(model, str) or model in models
