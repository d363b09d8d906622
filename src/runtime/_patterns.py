"""The patterns in force in this process: those built in and those the application registered."""

from __future__ import annotations

import threading
from typing import Dict, Tuple

from arc_protocol.patterns import Origin, Pattern, PatternSet

BUILT_IN: Tuple[Pattern, ...] = (
    Pattern.parse(
        {
            "name": "gpt-4.1-high-temperature",
            "pattern": {
                "model": {"matches": r"^gpt-4\.1(-\d{4}-\d{2}-\d{2})?$"},
                "temperature": {">": 0.9},
            },
            "fix": {"temperature": 0.7},
            "rationale": "Reduces hallucination risk while maintaining creativity.",
        },
        origin=Origin.BUILT_IN,
    ),
)


class PatternRegistry:
    """Holds patterns by name; every change makes a new immutable set."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._local: Dict[str, Pattern] = {}
        self._compile()

    def add(self, pattern: Pattern) -> None:
        """Put a local pattern in force; one of the same name is replaced."""
        with self._lock:
            self._local.pop(pattern.name, None)
            self._local[pattern.name] = pattern
            self._compile()

    def remove(self, name: str) -> bool:
        """Take a local pattern out of force; False when there is none of that name."""
        with self._lock:
            if self._local.pop(name, None) is None:
                return False
            self._compile()
            return True

    def _compile(self) -> None:
        self.current = PatternSet([*BUILT_IN, *self._local.values()])
        """The set in force."""
