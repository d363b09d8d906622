"""Notes what had failed before a call was healed: its application saw a reply all the same."""

from __future__ import annotations

from typing import Any

from arc_core.collector.events import MESSAGE_LIMIT
from arc_core.collector.names import AT
from arc_core.collector.values import LIMIT
from arc_core.model.calls import HEALED
from arc_protocol import semconv

_FAILED, _HEAL_OUTCOME = AT["failed"], AT["heal_outcome"]
_STATUS, _MESSAGE = AT["status_code"], AT["error_message"]
_NAMES = (
    (semconv.ARC_HEAL_ERROR_TYPE, AT["error_type"]),
    (semconv.ARC_HEAL_ERROR_CODE, AT["error_code"]),
    (semconv.ARC_HEAL_ERROR_PARAM, AT["error_param"]),
)


def fill(row: list[Any], rest: dict[str, Any]) -> None:
    """Take over the error of the first attempt, unless the application saw another one.

    A stream may break after it was healed.
    """
    if row[_HEAL_OUTCOME] != HEALED or row[_FAILED]:
        return
    for name, at in _NAMES:
        value = rest.get(name)
        if isinstance(value, str) and len(value) <= LIMIT:
            row[at] = rest.pop(name)
    if type(rest.get(semconv.ARC_HEAL_ERROR_STATUS_CODE)) is int:
        row[_STATUS] = rest.pop(semconv.ARC_HEAL_ERROR_STATUS_CODE)
    if isinstance(rest.get(semconv.ARC_HEAL_ERROR_MESSAGE), str):
        row[_MESSAGE] = rest.pop(semconv.ARC_HEAL_ERROR_MESSAGE)[:MESSAGE_LIMIT]
