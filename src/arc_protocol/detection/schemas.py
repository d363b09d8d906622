"""Judges values by a JSON Schema, in doubt in their favour.

Only keywords that everybody reads alike count; what is not known allows everything. A validator of
the whole standard would be one more library inside the applications that Arc protects, compiled for
each of their Pythons, and would raise on the schemas that providers take although they are wrong.
"""

from __future__ import annotations

from typing import Any, Mapping

_DEPTH = 32
_NUMBER = (int, float)
_TYPES: Mapping[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
}


def allows(schema: Any, value: Any, depth: int = 0) -> bool:
    """Tell whether a JSON value may be one that the schema describes."""
    if schema is False:
        return False
    if not isinstance(schema, dict) or depth > _DEPTH or "$ref" in schema:
        return True
    if not _type_allowed(schema.get("type"), value):
        # Gemini's way of saying that null will do
        return value is None and schema.get("nullable") is True
    if isinstance(schema.get("enum"), list) and value not in schema["enum"]:
        return False
    if "const" in schema and value != schema["const"]:
        return False
    for keyword in ("anyOf", "oneOf"):
        choices = schema.get(keyword)
        if not isinstance(choices, list) or not choices:
            continue
        if not any(allows(each, value, depth + 1) for each in choices):
            return False
    parts = schema.get("allOf")
    if isinstance(parts, list) and not all(allows(each, value, depth + 1) for each in parts):
        return False
    if isinstance(value, dict):
        return _members_allowed(schema, value, depth)
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        return all(allows(schema["items"], each, depth + 1) for each in value)
    return True


def _members_allowed(schema: Mapping[str, Any], value: Mapping[str, Any], depth: int) -> bool:
    properties = schema.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    required = schema.get("required")
    named = required if isinstance(required, list) else []
    if any(isinstance(name, str) and name not in value for name in named):
        return False
    closed = schema.get("additionalProperties") is False and "patternProperties" not in schema
    # properties may be said in other parts of the schema
    if (
        closed
        and not {"anyOf", "oneOf", "allOf"} & schema.keys()
        and not properties.keys() >= value.keys()
    ):
        return False
    return all(
        allows(properties[name], each, depth + 1)
        for name, each in value.items()
        if name in properties
    )


def _type_allowed(named: Any, value: Any) -> bool:
    if isinstance(named, str):
        return _is(named.lower(), value)
    if isinstance(named, list) and named and all(isinstance(each, str) for each in named):
        return any(_is(each.lower(), value) for each in named)
    return True


def _is(named: str, value: Any) -> bool:
    if named == "integer":
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        return whole and not isinstance(value, bool)
    if named == "number":
        return isinstance(value, _NUMBER) and not isinstance(value, bool)
    return named not in _TYPES or isinstance(value, _TYPES[named])
