"""The patterns in force in this process: those built in and those the application registered."""

from __future__ import annotations

import threading
from typing import Dict, Optional, Tuple

from arc_protocol.patterns import Origin, Pattern, PatternSet

BUILT_IN: Tuple[Pattern, ...] = (
    Pattern.parse(
        {
            "name": "gpt-4.1-high-temperature",
            "pattern": {
                # the model and its dated snapshots, but not gpt-4.1-mini
                "any_of": [{"model": "gpt-4.1"}, {"model": {"starts_with": "gpt-4.1-20"}}],
                "temperature": {">": 0.9},
            },
            "fix": {"temperature": 0.7},
            "rationale": "Reduces hallucination risk while maintaining creativity.",
        },
        origin=Origin.BUILT_IN,
    ),
)


class PatternRegistry:
    """Holds patterns by name and compiles them, once after any number of changes."""

    def __init__(self) -> None:
        self._local: Dict[str, Pattern] = {}
        self._compiled: Optional[PatternSet] = None
        self.forget()

    def forget(self) -> None:
        """Be usable in a forked child, whose parent may have been in the middle of a change."""
        self._lock = threading.Lock()

    # A fork must find the patterns as they were before a change or are after it. So what is
    # compiled goes first, and each change is one step.

    def add(self, pattern: Pattern) -> None:
        """Put a local pattern in force; one of the same name is replaced."""
        with self._lock:
            self._compiled = None
            if pattern.name in self._local:
                others = {k: v for k, v in self._local.items() if k != pattern.name}
                self._local = {**others, pattern.name: pattern}
            else:
                self._local[pattern.name] = pattern

    def remove(self, name: str) -> bool:
        """Take a local pattern out of force; False when there is none of that name."""
        with self._lock:
            if name not in self._local:
                return False
            self._compiled = None
            del self._local[name]
            return True

    def current(self) -> PatternSet:
        """Return the set in force; immutable, so a call under way keeps the one it began with."""
        compiled = self._compiled
        if compiled is None:
            with self._lock:
                compiled = self._compiled  # which another thread may have made meanwhile
                if compiled is None:
                    compiled = self._compiled = PatternSet([*BUILT_IN, *self._local.values()])
        return compiled
