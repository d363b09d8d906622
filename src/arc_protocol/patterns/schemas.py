"""JSON Schemas inside requests: their nodes, and how to change them node by node.

A node is a schema or a schema within it. Names of properties are no keywords: a property that is
called `format` is not a format.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterator, Mapping, Tuple

from arc_protocol.patterns.paths import MAX_BODY_DEPTH
from arc_protocol.patterns.values import LIST, MAPPING

Node = Mapping[str, Any]

_ONE = ("items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems", "items")
_MAPS = ("properties", "$defs", "definitions", "patternProperties", "dependentSchemas")
_WITH_SCHEMAS = tuple(dict.fromkeys([*_ONE, *_LISTS, *_MAPS]))

UNIONS = ("anyOf", "oneOf", "allOf")

SAYS_TYPE = ("type", *UNIONS, "enum", "const", "$ref")
"""Keywords of which a node needs one to say what it accepts."""


def nodes(schema: object) -> Iterator[Tuple[Node, int]]:
    """Yield a schema and all schemas within it, each with its depth."""
    waiting = [(schema, 0)]
    while waiting:
        node, depth = waiting.pop()
        if depth > MAX_BODY_DEPTH:
            raise ValueError(f"the schema is nested deeper than {MAX_BODY_DEPTH} levels")
        if isinstance(node, MAPPING):
            yield node, depth
            for keyword in _WITH_SCHEMAS:
                if keyword not in node:
                    continue
                inside = node[keyword]
                if keyword in _MAPS:
                    waiting += [(inner, depth + 1) for inner in _members(inside).values()]
                    continue
                if keyword in _ONE:
                    waiting.append((inside, depth + 1))
                if keyword in _LISTS:
                    waiting += [(inner, depth + 1) for inner in _elements(inside)]


def rewrite(schema: Any, change: Callable[[Dict[str, Any], int], Node], depth: int = 0) -> Any:
    """Return the schema with `change` applied to a copy of every node, innermost first."""
    if depth > MAX_BODY_DEPTH:
        raise ValueError(f"the schema is nested deeper than {MAX_BODY_DEPTH} levels")
    if not isinstance(schema, MAPPING):
        return schema
    node = dict(schema)
    for keyword in _ONE:
        if isinstance(node.get(keyword), MAPPING):
            node[keyword] = rewrite(node[keyword], change, depth + 1)
    for keyword in _LISTS:
        if isinstance(node.get(keyword), LIST):
            node[keyword] = [rewrite(inner, change, depth + 1) for inner in node[keyword]]
    for keyword in _MAPS:
        if isinstance(node.get(keyword), MAPPING):
            node[keyword] = {
                name: rewrite(inner, change, depth + 1) for name, inner in node[keyword].items()
            }
    return change(node, depth)


def types(node: Node) -> Tuple[str, ...]:
    """Return the types that a node names, in lower case."""
    named = node.get("type")
    return tuple(
        name.lower()
        for name in (named if isinstance(named, LIST) else (named,))
        if isinstance(name, str)
    )


def properties(node: Node) -> Node:
    """Return the properties of an object node."""
    return _members(node.get("properties"))


def required(node: Node) -> Tuple[str, ...]:
    """Return the names of the properties that must be there."""
    return tuple(name for name in _elements(node.get("required")) if isinstance(name, str))


def is_object(node: Node) -> bool:
    """Tell whether a node describes objects."""
    return "object" in types(node) or "properties" in node


def is_complete(node: Node) -> bool:
    """Tell whether a node is as strict mode wants it: closed, and every property required."""
    return not is_object(node) or (
        node.get("additionalProperties") is False and set(required(node)) >= set(properties(node))
    )


def _elements(value: object) -> Tuple[Any, ...]:
    return tuple(value) if isinstance(value, LIST) else ()


def _members(value: object) -> Node:
    return value if isinstance(value, MAPPING) else {}
