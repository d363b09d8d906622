"""Bounds on documents: a pattern that is no JSON, cyclic or enormous is refused in one sentence."""

from __future__ import annotations

import json
import math

from arc_protocol.errors import PatternError
from arc_protocol.patterns.values import LIST, MAPPING

MAX_DEPTH = 24
MAX_NODES = 5_000
MAX_TEXT = 20_000
MAX_INTEGER = 2**63
MAX_REGEX = 1_000
MAX_REGEX_MEMORY = 1 << 20


def plain_json(value: object, where: str) -> object:
    """Copy a document to plain JSON (dict, list, str, int, float, bool, None) within the bounds."""
    nodes = 0

    def visit(item: object, at: str, depth: int) -> object:
        nonlocal nodes
        nodes += 1
        if nodes > MAX_NODES:
            raise PatternError(f"{where} holds more than {MAX_NODES} values; make it smaller.")
        if depth > MAX_DEPTH:
            raise PatternError(
                f"{where} is nested deeper than {MAX_DEPTH} levels or contains itself; flatten it."
            )
        if item is None or isinstance(item, bool):
            return item
        if isinstance(item, str):
            return _text(item, at)
        if isinstance(item, (int, float)):
            return _number(item, at)
        if isinstance(item, MAPPING):
            return {
                _key(key, at): visit(inner, f"{at}.{str(key)[:80]}", depth + 1)
                for key, inner in item.items()
            }
        if isinstance(item, LIST):
            return [visit(inner, f"{at}[{n}]", depth + 1) for n, inner in enumerate(item)]
        raise PatternError(
            f"{at} is a {type(item).__name__}; patterns are JSON: "
            "use an object, list, string, number, boolean or null."
        )

    return visit(value, where, 0)


def show(value: object) -> str:
    """Write a value for a message, shortened."""
    try:
        text = json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        text = f"<{type(value).__name__}>"
    return text if len(text) <= 120 else text[:117] + "..."


def _text(value: str, at: str) -> str:
    if len(value) > MAX_TEXT:
        raise PatternError(
            f"{at} is a text of {len(value)} characters; at most {MAX_TEXT} are allowed."
        )
    return str.__str__(value)


def _number(value: float, at: str) -> float:
    if isinstance(value, float) and not math.isfinite(value):
        raise PatternError(f"{at} is {value}, which JSON does not have; use a finite number.")
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        raise PatternError(f"{at} is an integer of more than 64 bits; use a smaller one.")
    return int(value) if isinstance(value, int) else float(value)


def _key(key: object, at: str) -> str:
    if not isinstance(key, str):
        raise PatternError(f"{at} has a key that is a {type(key).__name__}; keys must be strings.")
    return _text(key, at)
