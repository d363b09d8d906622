"""Call records for tests."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable
from typing import Any

from arc_core.model.calls import COLUMNS, CallBatch
from arc_core.model.columns import Kind
from arc_core.model.feedback import Feedback

PROJECT = "shop"
NOW = int(time.time()) // 3600 * 3600 * 1_000_000
"""The hour that has begun: a name of a test must be the same in every process that runs some."""
SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR

_EMPTY: dict[Kind, Any] = {
    Kind.NAME: "",
    Kind.TEXT: "",
    Kind.TIME: NOW,
    Kind.FLAG: False,
    Kind.INTEGER: 0,
    Kind.NUMBER: 0.0,
    Kind.NAMES: [],
    Kind.INTEGERS: [],
}
_numbers = itertools.count(1)


def record(**values: Any) -> dict[str, Any]:
    """Return a call of the project with ids of its own, empty but for `values`."""
    number = next(_numbers)
    ids = {"project": PROJECT, "trace_id": f"{number:032x}", "span_id": f"{number:016x}"}
    empty = {column.name: None if column.nullable else _EMPTY[column.kind] for column in COLUMNS}
    assert not values.keys() - empty.keys()
    return {**empty, **ids, **values}


def unjudged(call: dict[str, Any]) -> dict[str, Any]:
    """Return a call as stores show it of whose reply nobody has said anything."""
    return {**call, "feedback": []}


def said(call: dict[str, Any], outcome: str = "bad", **values: Any) -> Feedback:
    """Return what somebody says of the reply of a call, a second after it."""
    number = next(_numbers)
    stated = {
        "project": call["project"],
        "received_at": call["received_at"] + SECOND,
        "given_at": call["start_time"] + SECOND,
        "trace_id": call["trace_id"],
        "span_id": f"f{number:015x}",
        "call_span_id": "",
        "response_id": call["response_id"],
        "outcome": outcome,
        "score": None,
        "label": "",
        "source": "end_user",
        "explanation": "",
        "service": "",
    }
    return Feedback(**{**stated, **values})


def batch(*records: dict[str, Any], feedback: Iterable[Feedback] = ()) -> CallBatch:
    made = CallBatch()
    made.feedback.extend(feedback)
    for each in records:
        made.append(list(each.values()))
    return made
