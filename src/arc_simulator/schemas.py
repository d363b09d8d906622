"""The simplest JSON value that conforms to a JSON schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

MAX_DEPTH = 8
"""From here on, optional parts of a recursive schema are left out."""

_FORMATS = {
    "date-time": "2024-01-01T00:00:00Z",
    "date": "2024-01-01",
    "time": "00:00:00Z",
    "email": "user@example.com",
    "uri": "https://example.com",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def example(schema: Any) -> Any:
    """Make a value that conforms to `schema`."""
    return _example(schema, schema, 0)


def _example(schema: Any, root: Any, depth: int) -> Any:
    if not isinstance(schema, Mapping):
        return None
    if "$ref" in schema and depth < 2 * MAX_DEPTH:
        return _example(_resolve(schema["$ref"], root), root, depth + 1)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for word in ("anyOf", "oneOf"):
        if schema.get(word):
            # the end of a list of alternatives is where recursive schemas put their null
            chosen = schema[word][0 if depth < MAX_DEPTH else -1]
            return _example(chosen, root, depth + 1)
    if schema.get("allOf"):
        parts = [_example(part, root, depth + 1) for part in schema["allOf"]]
        objects = [part for part in parts if isinstance(part, dict)]
        return {key: value for part in objects for key, value in part.items()}
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    make = _MAKERS.get(kind) if isinstance(kind, str) else None
    return make(schema, root, depth) if make else None


def _resolve(reference: Any, root: Any) -> Any:
    target = root
    for step in str(reference).lstrip("#/").split("/"):
        if step:
            target = target.get(step) if isinstance(target, Mapping) else None
    return target


def _object(schema: Mapping[str, Any], root: Any, depth: int) -> Any:
    properties = schema.get("properties") or {}
    required = schema.get("required") or ()
    wanted = properties if depth < MAX_DEPTH else [key for key in properties if key in required]
    return {key: _example(properties[key], root, depth + 1) for key in wanted}


def _array(schema: Mapping[str, Any], root: Any, depth: int) -> Any:
    at_least = 1 if depth < MAX_DEPTH else 0
    count = max(at_least, schema.get("minItems", 0))
    return [_example(schema.get("items", {}), root, depth + 1) for _ in range(count)]


def _string(schema: Mapping[str, Any], root: Any, depth: int) -> Any:
    text = _FORMATS.get(schema.get("format", ""), "example")
    return text.ljust(schema.get("minLength", 0), "x")[: schema.get("maxLength")]


def _number(schema: Mapping[str, Any], root: Any, depth: int) -> Any:
    if "exclusiveMinimum" in schema:
        return schema["exclusiveMinimum"] + 1
    return schema.get("minimum", min(1, schema.get("maximum", 1)))


_MAKERS: Mapping[str, Callable[[Mapping[str, Any], Any, int], Any]] = {
    "object": _object,
    "array": _array,
    "string": _string,
    "number": _number,
    "integer": _number,
    "boolean": lambda schema, root, depth: True,
    "null": lambda schema, root, depth: None,
}
