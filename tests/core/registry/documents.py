"""Patterns for tests."""

from __future__ import annotations

from typing import Any


def hot(name: str, to: float = 0.7) -> dict[str, Any]:
    """Return a pattern that lowers high temperatures."""
    return {"name": name, "pattern": {"temperature": {">": 0.9}}, "fix": {"temperature": to}}
