"""The OpenAPI 3.1 description, made from the table of endpoints."""

from __future__ import annotations

import http
from collections.abc import Iterable, Sequence
from typing import Any

from arc_core.web import shapes
from arc_core.web.endpoint import Endpoint
from arc_core.web.fields import Field
from arc_core.web.problems import MEDIA_TYPE
from arc_protocol.version import __version__

_PROBLEM = {
    "type": "object",
    "description": "What is refused and why (RFC 9457); detail is one sentence for people.",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "field": {"type": "string", "description": "the parameter or member that is refused"},
    },
    "required": ["type", "title", "status", "detail"],
}


def describe(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """Return the description of an interface."""
    paths: dict[str, Any] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Arc Core",
            "version": __version__,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": paths,
        "components": {
            "schemas": {
                **{name: shape.schema for name, shape in shapes.SHAPES.items()},
                "Problem": _PROBLEM,
            },
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        # a key or none: on its own machine a Core may demand no key
        "security": [{"key": []}, {}],
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    parameters = [
        *(_parameter(field, "path") for field in endpoint.place),
        *(_parameter(field, "query") for field in endpoint.query),
    ]
    operation: dict[str, Any] = {
        "summary": endpoint.summary,
        "operationId": _operation_id(endpoint),
        "parameters": parameters,
        "responses": _responses(endpoint),
    }
    if endpoint.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _members(endpoint.body)}},
        }
    if endpoint.open:
        operation["security"] = []
    return operation


def _operation_id(endpoint: Endpoint) -> str:
    path = endpoint.path.replace("/api/v1", "")
    words = "".join(letter if letter.isalnum() else " " for letter in path).split()
    return "_".join([endpoint.method.lower(), *words])


def _responses(endpoint: Endpoint) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": http.HTTPStatus(endpoint.status).phrase}
    if endpoint.answer is not None:
        answer["content"] = {endpoint.media_type: {"schema": endpoint.answer}}
    usual = () if endpoint.open else (401, 403, 503)
    with_body = () if endpoint.body is None else (413, 415)
    refusals = sorted({400, *usual, *with_body, *endpoint.refusals})
    problem = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        str(endpoint.status): answer,
        **{
            str(status): {"description": http.HTTPStatus(status).phrase, "content": problem}
            for status in refusals
        },
    }


def _parameter(field: Field, where: str) -> dict[str, Any]:
    return {
        "name": field.name,
        "in": where,
        "required": where == "path" or field.required,
        "description": field.meaning,
        "schema": _schema(field),
    }


def _members(fields: Sequence[Field]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            field.name: {**_schema(field), "description": field.meaning} for field in fields
        },
        "required": [field.name for field in fields if field.required],
        "additionalProperties": False,
    }


def _schema(field: Field) -> dict[str, Any]:
    shown = isinstance(field.default, (int, str)) and field.default != ""
    return {**field.kind.schema, **({"default": field.default} if shown else {})}
