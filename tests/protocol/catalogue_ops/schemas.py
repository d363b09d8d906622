"""Operations on JSON schemas of tools and replies."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List

from protocol.catalogue_ops.paths import holds, there
from protocol.catalogue_ops.registry import op


def _schemas(request: Any, path: str) -> Iterator[Dict[str, Any]]:
    """Yield all objects below a path that stand where a schema may stand."""
    for container, key in there(request, path):
        yield from _within(container[key])


def _within(schema: Any) -> Iterator[Dict[str, Any]]:
    yield schema
    inner = list(schema.get("properties", {}).values())
    inner += [schema["items"]] if "items" in schema else []
    inner += schema.get("anyOf", []) + schema.get("oneOf", []) + schema.get("allOf", [])
    for one in inner:
        yield from _within(one)


@op
def schema_strictify(request: Any, *, path: str, optional: str) -> None:
    assert optional == "nullable"
    for schema in _schemas(request, path):
        if schema.get("type") == "object":
            for name, inner in schema["properties"].items():
                if name not in schema.get("required", []):
                    inner["type"] = [inner["type"], "null"]
            schema["required"] = list(schema["properties"])
            schema["additionalProperties"] = False


@op
def schema_remove_keyword(
    request: Any, *, path: str, keywords: List[str], where: Any = None
) -> None:
    for schema in _schemas(request, path):
        if holds(where, schema):
            for keyword in keywords:
                schema.pop(keyword, None)


@op
def schema_rewrite_keyword(request: Any, *, path: str, keyword: str, to: str, wrap: str) -> None:
    assert wrap == "list"
    for schema in _schemas(request, path):
        if keyword in schema:
            schema[to] = [schema.pop(keyword)]


@op
def schema_set_default(request: Any, *, path: str, where: Any, key: str, value: Any) -> None:
    for schema in _schemas(request, path):
        if holds(where, schema):
            schema.setdefault(key, dict(value))


@op
def schema_set_default_type(request: Any, *, path: str, type: str) -> None:
    for schema in _schemas(request, path):
        if not {"type", "anyOf", "enum", "$ref"} & schema.keys():
            schema["type"] = type


@op
def schema_stringify_enum(request: Any, *, path: str) -> None:
    for schema in _schemas(request, path):
        if "enum" in schema:
            schema["enum"] = [str(value) for value in schema["enum"]]
            schema["type"] = "string"


@op
def schema_flatten_top_union(request: Any, *, path: str) -> None:
    for container, key in there(request, path):
        schema = container[key]
        for union in ("anyOf", "oneOf"):
            for part in schema.pop(union, []):
                schema["properties"].update(part.get("properties", {}))
