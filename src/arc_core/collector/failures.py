"""Fills in which failure a call is one of."""

from __future__ import annotations

from typing import Any

from arc_core.collector.names import AT
from arc_core.detection.failures import Failed, identify

_PROVIDER, _OPERATION = AT["provider"], AT["operation"]
_FAILED, _KINDS = AT["failed"], AT["failure_kinds"]
_STATUS, _CODE, _PARAM = AT["status_code"], AT["error_code"], AT["error_param"]
_TYPE, _MESSAGE = AT["error_type"], AT["error_message"]
_SIGNATURE, _TEMPLATE = AT["failure_signature"], AT["error_template"]


def fill(row: list[Any]) -> None:
    """Note the signature and the template of a failure; a call without one stays as it is."""
    if not (row[_FAILED] or row[_KINDS]):
        return
    row[_SIGNATURE], row[_TEMPLATE] = identify(
        Failed(
            provider=row[_PROVIDER],
            operation=row[_OPERATION],
            failed=row[_FAILED],
            kinds=row[_KINDS],
            status=row[_STATUS],
            code=row[_CODE],
            param=row[_PARAM],
            type=row[_TYPE],
            message=row[_MESSAGE],
        )
    )
