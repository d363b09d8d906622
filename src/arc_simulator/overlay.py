"""Soft failures: a partial reply laid over the normal one."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any


def overlay(reply: dict[str, Any], partial: Mapping[str, Any]) -> None:
    """Change a reply in place: objects merge by key, lists by position, the rest is replaced."""
    for key, value in partial.items():
        reply[key] = _merged(reply.get(key), value)


def _merged(old: Any, new: Any) -> Any:
    if isinstance(old, dict) and isinstance(new, Mapping) and _same_type(old, new):
        overlay(old, new)
        return old
    if isinstance(old, list) and isinstance(new, list):
        return [_merged(*pair) for pair in zip(old, new)] + copy.deepcopy(new[len(old) :])
    return copy.deepcopy(new)


def _same_type(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return bool(old.get("type") == new.get("type", old.get("type")))
