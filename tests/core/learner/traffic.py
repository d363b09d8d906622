"""Recorded calls of a provider that refuses a temperature."""

from __future__ import annotations

import json
from typing import Any

from arc_core.detection.failures import Failed, identify
from arc_core.model.calls import CallBatch
from core.call_records import NOW, SECOND, batch, record

MESSAGE = (
    "Unsupported value: 'temperature' does not support 0.2 with this model. "
    "Only the default (1) value is supported."
)


def call(project: str, number: int, request: dict[str, Any], **values: Any) -> dict[str, Any]:
    """Return the record of a call; `number` says in which order calls were made."""
    made = record(
        **{
            "project": project,
            "start_time": NOW + number * SECOND,
            "received_at": NOW + number * SECOND,
            "runtime_id": "r",
            "service": "app",
            "provider": "openai",
            "operation": "chat",
            "request_model": request["model"],
            "request": json.dumps(request),
            **values,
        }
    )
    made["failure_signature"], made["error_template"] = identify(Failed.of(made))
    return made


def refused(project: str, number: int, **values: Any) -> dict[str, Any]:
    request = {"model": "o9-mini", "temperature": 0.2, "messages": [{"role": "user"}]}
    error = {
        "failed": True,
        "status_code": 400,
        "error_type": "openai.BadRequestError",
        "error_code": "unsupported_value",
        "error_param": "temperature",
        "error_message": MESSAGE,
    }
    return call(project, number, request, **{**error, **values})


def traffic(project: str, failing: int, **values: Any) -> CallBatch:
    """Return failing calls among healthy ones that differ from them in little."""
    rows = []
    for number in range(failing):
        rows.append(refused(project, 3 * number, **values))
        for place, request in enumerate(({"model": "o9-mini"}, {"model": "gpt-4o"}), 1):
            rows.append(call(project, 3 * number + place, {**request, "messages": []}))
    return batch(*rows)
