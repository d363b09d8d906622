"""Repairs of JSON Schemas in tools and response formats; importing this registers them."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Optional

from arc_protocol.patterns import schemas
from arc_protocol.patterns.arguments import Json
from arc_protocol.patterns.checks import Check
from arc_protocol.patterns.repairs import repair
from arc_protocol.patterns.values import LIST, MAPPING, copied

NULL = {"type": "null"}


@repair
def strict_schema(schema: Any) -> object:
    """Close every object and require every property; optional ones become nullable."""
    return schemas.rewrite(schema, _strict)


def _strict(node: Dict[str, Any], depth: int) -> schemas.Node:
    if schemas.is_complete(node):
        return node
    node["additionalProperties"] = False
    if schemas.properties(node):
        needed = schemas.required(node)
        node["properties"] = {
            name: inner if name in needed else _nullable(inner)
            for name, inner in schemas.properties(node).items()
        }
        node["required"] = list(node["properties"])
    return node


def _nullable(node: Any) -> Any:
    if not isinstance(node, MAPPING) or "null" in schemas.types(node):
        return node
    if "anyOf" in node and isinstance(node["anyOf"], LIST):
        return node if NULL in node["anyOf"] else {**node, "anyOf": [*node["anyOf"], NULL]}
    if not schemas.types(node):
        return {"anyOf": [node, NULL]}
    named = node["type"]
    nullable = {**node, "type": [*(named if isinstance(named, LIST) else [named]), "null"]}
    if isinstance(node.get("enum"), LIST):
        nullable["enum"] = [*node["enum"], None]
    return nullable


@repair
def schema_types(schema: Any, *, type: str) -> object:
    """Give a type to every schema within the schema that does not say what it accepts."""
    return schemas.rewrite(
        schema,
        lambda node, depth: (
            node
            if not depth or any(keyword in node for keyword in schemas.SAYS_TYPE)
            else {**node, "type": type}
        ),
    )


@repair
def schema_without(schema: Any, *, keywords: List[str], where: Optional[Check] = None) -> object:
    """Remove keywords from all nodes, or from those that satisfy a condition."""

    def change(node: Dict[str, Any], depth: int) -> schemas.Node:
        if where is not None and not where(node, node):
            return node
        return {keyword: value for keyword, value in node.items() if keyword not in keywords}

    return schemas.rewrite(schema, change)


@repair
def schema_const(schema: Any) -> object:
    """Write `const` as an `enum` of one value."""

    def change(node: Dict[str, Any], depth: int) -> schemas.Node:
        if "const" in node:
            node["enum"] = [node.pop("const")]
        return node

    return schemas.rewrite(schema, change)


@repair
def schema_default(schema: Any, *, where: Check, keyword: str, value: Json) -> object:
    """Add a keyword to the nodes that satisfy a condition and do not have it."""
    return schemas.rewrite(
        schema,
        lambda node, depth: (
            {**node, keyword: copied(value)} if keyword not in node and where(node, node) else node
        ),
    )


@repair
def string_enums(schema: Any) -> object:
    """Write the values of enumerations as strings, and say that they are."""

    def change(node: Dict[str, Any], depth: int) -> schemas.Node:
        values = node.get("enum")
        if isinstance(values, LIST) and not all(isinstance(value, str) for value in values):
            node["enum"] = [
                value if isinstance(value, str) else json.dumps(value) for value in values
            ]
            node["type"] = "string"
        return node

    return schemas.rewrite(schema, change)


@repair
def flat_schema(schema: Any) -> object:
    """Merge the alternatives at the top of a schema into the schema itself.

    What every alternative of a union requires stays required; the parts of `allOf` all count.
    """
    if not isinstance(schema, MAPPING):
        return schema
    flat = {key: value for key, value in schema.items() if key not in schemas.UNIONS}
    for union in schemas.UNIONS:
        parts = [part for part in schema.get(union) or () if isinstance(part, MAPPING)]
        if not parts:
            continue
        members = {
            name: inner for part in parts for name, inner in schemas.properties(part).items()
        }
        flat["properties"] = {**members, **schemas.properties(flat)}
        sets = [set(schemas.required(part)) for part in parts]
        needed = set.union(*sets) if union == "allOf" else set.intersection(*sets)
        already = schemas.required(flat)
        required = [*already, *sorted(needed - set(already))]
        if required:
            flat["required"] = required
    return flat
