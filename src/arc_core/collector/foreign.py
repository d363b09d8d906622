"""Reads what other instrumentations call by other names, and tells calls from other spans."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from arc_core.collector import names
from arc_core.collector.names import AT
from arc_core.collector.values import LIMIT
from arc_core.model.calls import COLUMNS
from arc_core.model.columns import Kind

_EMPTY: dict[Kind, Any] = {Kind.FLAG: False, Kind.NAMES: [], Kind.INTEGERS: []}
UNKNOWN = [None if each.nullable else _EMPTY.get(each.kind, "") for each in COLUMNS]
"""A row that says nothing; a column of a row is unknown while it holds the same object."""

_OPERATION, _PROVIDER = AT["operation"], AT["provider"]
_REQUEST_MODEL, _RESPONSE_MODEL = AT["request_model"], AT["response_model"]
_INPUT_TOKENS = AT["input_tokens"]


def fill(row: list[Any], older: Mapping[str, Any], rest: dict[str, Any]) -> None:
    """Take from older names and from the rest what the row does not know yet."""
    for name, (at, _) in names.OLDER.items():
        if name not in older:
            continue
        if row[at] is UNKNOWN[at]:
            row[at] = older[name]
        else:
            rest[name] = older[name]
    row[_OPERATION] = names.OPERATIONS.get(row[_OPERATION], row[_OPERATION])
    row[_PROVIDER] = names.PROVIDERS.get(row[_PROVIDER], row[_PROVIDER])
    for name, current in names.RENAMED.items():
        if name in rest:
            rest.setdefault(current, rest.pop(name))
    for name in names.PARAMETERS:
        if name in rest:
            _fill_parameters(row, rest[name])
    for name in names.SERVED_MODELS:
        model = rest.get(name)
        if isinstance(model, str) and len(model) <= LIMIT:
            row[_REQUEST_MODEL] = row[_REQUEST_MODEL] or model
            if row[_INPUT_TOKENS] is not None:  # there was an answer
                row[_RESPONSE_MODEL] = row[_RESPONSE_MODEL] or model


def is_call(row: list[Any], rest: Mapping[str, Any]) -> bool:
    """Say whether a span is the call of a model, and not something around one."""
    operation = row[_OPERATION]
    if operation in names.NO_CALLS:
        return False
    if operation and (row[_PROVIDER] or row[_REQUEST_MODEL]):
        return True
    return bool(row[_REQUEST_MODEL] or row[_RESPONSE_MODEL]) and "traceloop.span.kind" not in rest


def _fill_parameters(row: list[Any], encoded: Any) -> None:
    try:
        parameters = orjson.loads(encoded)
    except ValueError:
        return
    if not isinstance(parameters, dict):
        return
    for name, (at, kind) in names.PARAMETER_COLUMNS.items():
        value = parameters.get(name)
        if kind is float and type(value) is int:
            value = float(value)
        if row[at] is UNKNOWN[at] and _fits(value, kind):
            row[at] = value


def _fits(value: Any, kind: type) -> bool:
    if isinstance(value, str):
        return kind is str and len(value) <= LIMIT
    if isinstance(value, bool):  # which is an int as well
        return kind is bool
    if isinstance(value, int):
        return kind is int and abs(value) < 2**63
    return kind is float and isinstance(value, float)
