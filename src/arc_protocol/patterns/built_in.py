"""The patterns that are part of Arc Runtime, in force where nothing of the same name replaces them.

Core knows them too: one of the same name that Core pushes goes first, so that it can stop them.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Mapping

BUILT_IN: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "gpt-4.1-high-temperature": {
            "name": "gpt-4.1-high-temperature",
            "pattern": {
                # the model and its dated snapshots, but not gpt-4.1-mini
                "any_of": [{"model": "gpt-4.1"}, {"model": {"starts_with": "gpt-4.1-20"}}],
                "temperature": {">": 0.9},
            },
            "fix": {"temperature": 0.7},
            "rationale": "Reduces hallucination risk while maintaining creativity.",
        },
    }
)
"""Documents by name, as `Pattern.parse` takes them."""
