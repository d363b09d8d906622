"""Fills in which failure a call is one of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from arc_core.collector.names import AT
from arc_core.detection.failures import Failed, identify
from arc_core.model.calls import HEALED
from arc_protocol import semconv
from arc_protocol.detection import kinds
from arc_protocol.detection.exchange import read

_PROVIDER, _OPERATION, _API = AT["provider"], AT["operation"], AT["api"]
_FAILED, _KINDS = AT["failed"], AT["failure_kinds"]
_STATUS, _CODE, _PARAM = AT["status_code"], AT["error_code"], AT["error_param"]
_HEAL_OUTCOME = AT["heal_outcome"]
_TYPE, _MESSAGE = AT["error_type"], AT["error_message"]
_RUNTIME_ID, _REASONS = AT["runtime_id"], AT["finish_reasons"]
_CONTENT = (semconv.INPUT_MESSAGES, semconv.OUTPUT_MESSAGES, semconv.TOOL_DEFINITIONS)
_SIGNATURE, _TEMPLATE = AT["failure_signature"], AT["error_template"]


def fill(row: list[Any], body: Mapping[str, Any], rest: Mapping[str, Any]) -> None:
    """Note the signature and the template of a failure; a call without one stays as it is.

    Arc Runtime has looked at replies itself, those of others are looked at here.
    """
    failed = row[_FAILED] or row[_HEAL_OUTCOME] == HEALED
    if not (failed or row[_KINDS] or row[_RUNTIME_ID]):
        row[_KINDS] = _kinds(row, body, rest)
    if not (failed or row[_KINDS]):
        return
    row[_SIGNATURE], row[_TEMPLATE] = identify(
        Failed(
            provider=row[_PROVIDER],
            operation=row[_OPERATION],
            failed=failed,
            kinds=row[_KINDS],
            status=row[_STATUS],
            code=row[_CODE],
            param=row[_PARAM],
            type=row[_TYPE],
            message=row[_MESSAGE],
            api=row[_API],
        )
    )


def _kinds(row: list[Any], body: Mapping[str, Any], rest: Mapping[str, Any]) -> list[str]:
    attributes = {
        semconv.OPERATION_NAME: row[_OPERATION],
        semconv.RESPONSE_FINISH_REASONS: row[_REASONS],
        semconv.OUTPUT_TYPE: rest.get(semconv.OUTPUT_TYPE),
    }
    content = {name: _structure(body[name]) for name in _CONTENT if name in body}
    exchange = read(attributes, content)
    return [] if exchange is None else kinds(exchange)


def _structure(sent: Any) -> Any:
    """Return the structure that content has, whether it was sent as JSON or as values of OTLP."""
    try:
        return orjson.loads(orjson.dumps(sent))
    except ValueError:
        return None
