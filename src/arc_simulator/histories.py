"""Structural tests of conversations that only the simulator's rules need."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any


def repeated_tool_call(messages: Any, *, min_repeats: int) -> bool:
    """The same tool is called with the same arguments so many times in a row."""
    calls = [
        (call["function"].get("name"), call["function"].get("arguments"))
        for message in _mappings(messages)
        for call in _mappings(message.get("tool_calls"))
        if isinstance(call.get("function"), Mapping)
    ]
    return any(len(list(run)) >= min_repeats for _, run in itertools.groupby(calls))


def _mappings(values: Any) -> list[Mapping[str, Any]]:
    elements = values if isinstance(values, list) else []
    return [element for element in elements if isinstance(element, Mapping)]


HISTORY_TESTS: Mapping[str, Callable[..., bool]] = {"repeated_tool_call": repeated_tool_call}
"""Tests by the name that rules use."""
