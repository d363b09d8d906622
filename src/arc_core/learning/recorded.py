"""Recorded calls as learning takes them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from arc_core.learning.examples import Example
from arc_core.model.calls import HEALED
from arc_core.model.operations import called
from arc_core.storage import Row
from arc_protocol.cures import ErrorFacts
from arc_protocol.recording import restore


def examples(rows: Iterable[Row]) -> list[Example]:
    """Return what the rows of `CallStore.failing` and `healthy` record."""
    return [_example(row) for row in rows]


def request(row: Row) -> Any:
    """Return what was asked for, as far as it was recorded."""
    return restore(json.loads(row["request"]))


def operation(row: Row) -> str:
    """Return the word of patterns for what was called."""
    return called(row["operation"], row["api"])


def _example(row: Row) -> Example:
    error = None
    if row["failed"] or row["heal_outcome"] == HEALED:
        error = ErrorFacts(
            row["status_code"],
            row["error_code"] or None,
            row["error_param"] or None,
            row["error_type"] or None,
            row["error_message"],
        )
    return Example(request(row), row["service"], error, row["server"])
