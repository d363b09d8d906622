"""Call records for tests."""

from __future__ import annotations

import itertools
import time
from typing import Any

from arc_core.model.calls import COLUMNS, CallBatch, Kind

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


def batch(*records: dict[str, Any]) -> CallBatch:
    made = CallBatch()
    for each in records:
        made.append(list(each.values()))
    return made
