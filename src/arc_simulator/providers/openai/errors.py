"""Error bodies of the OpenAI API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from arc_simulator.errors import Refusal


def error_body(
    message: str,
    *,
    kind: str = "invalid_request_error",
    param: str | None = None,
    code: str | None = None,
) -> dict[str, Any]:
    """Make the body of an error answer."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


BAD_JSON = error_body(
    "We could not parse the JSON body of your request. The OpenAI API expects a JSON payload, "
    "but what was sent was not valid JSON."
)
SERVER_ERROR = error_body(
    "The server had an error while processing your request. Sorry about that!",
    kind="server_error",
)


def require(body: Mapping[str, Any], *parameters: str) -> None:
    """Refuse a request that lacks a model or one of the parameters."""
    if not isinstance(body.get("model"), str) or not body["model"]:
        raise Refusal(400, error_body("you must provide a model parameter"))
    for name in parameters:
        if name not in body:
            raise Refusal(
                400,
                error_body(
                    f"Missing required parameter: '{name}'.",
                    param=name,
                    code="missing_required_parameter",
                ),
            )


def require_list(body: Mapping[str, Any], name: str) -> None:
    """Refuse a request whose parameter is not a list with something in it."""
    value = body[name]
    if not isinstance(value, list):
        message = f"Invalid type for '{name}': expected an array of objects."
        raise Refusal(400, error_body(message, param=name, code="invalid_type"))
    if not value:
        message = (
            f"Invalid '{name}': empty array. Expected an array with minimum length 1, "
            "but got an empty array instead."
        )
        raise Refusal(400, error_body(message, param=name, code="empty_array"))
