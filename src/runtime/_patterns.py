"""The patterns in force in this process: built in, pushed, or registered by the application."""

from __future__ import annotations

import threading
from typing import Dict, Iterable, List, Mapping, Optional, Tuple

from arc_protocol.patterns import Origin, Pattern, PatternSet, built_in

BUILT_IN: Tuple[Pattern, ...] = tuple(
    Pattern.parse(document, origin=Origin.BUILT_IN) for document in built_in.BUILT_IN.values()
)

_SETTLED_S = 0.02
"""An application that registers nothing for so long has registered all."""


class PatternRegistry:
    """Holds patterns by name and compiles them, once after any number of changes."""

    def __init__(self) -> None:
        self._local: Dict[str, Pattern] = {}
        self._pushed: Dict[str, Pattern] = {}
        self._compiled: Optional[PatternSet] = None
        self._used: Optional[PatternSet] = None
        """The set in force before, which knows the models in use."""
        self._seen: Optional[Mapping[str, Pattern]] = None
        self._rewrites_cached = False
        self.forget()

    def forget(self) -> None:
        """Be usable in a forked child, whose parent may have been in the middle of a change."""
        self._lock = threading.Lock()

    # A fork must find the patterns as they were before a change or are after it. So what is
    # compiled goes first, and each change is one step. No mapping is changed in place.

    def let_rewrite_cached(self, allowed: bool) -> None:
        """Say whether pushed patterns may change what providers keep in their prompt caches."""
        with self._lock:
            if allowed is not self._rewrites_cached:
                self._rewrites_cached = allowed
                self._retire()

    def add(self, pattern: Pattern) -> None:
        """Put a local pattern in force; one of the same name is replaced."""
        with self._lock:
            self._retire()
            others = {k: v for k, v in self._local.items() if k != pattern.name}
            self._local = {**others, pattern.name: pattern}

    def remove(self, name: str) -> bool:
        """Take a local pattern out of force; False when there is none of that name."""
        with self._lock:
            if name not in self._local:
                return False
            self._retire()
            self._local = {k: v for k, v in self._local.items() if k != name}
            return True

    def push(self, patterns: Iterable[Pattern]) -> None:
        """Put these in force in place of all that were pushed before.

        Compiles them, which takes its time: not for a thread that makes calls. Calls go on with the
        patterns before until all is done.
        """
        pushed = {pattern.name: pattern for pattern in patterns}
        while True:
            local, before = self._local, self._compiled
            allowed = self._rewrites_cached
            made = _compile(local, pushed, allowed)
            made.prepare(before or self._used)
            with self._lock:
                # the application has registered nothing meanwhile, nor been configured anew
                if self._local is local and self._rewrites_cached is allowed:
                    self._compiled = None
                    self._pushed = pushed
                    self._compiled = made
                    return

    def _retire(self) -> None:
        self._used = self._compiled or self._used
        self._compiled = None

    def settle(self) -> Optional[float]:
        """Do in advance what the next call would have to; for the thread that looks after things.

        Returns the seconds after which to look again: an application that is still registering
        patterns would have each of its steps compiled.
        """
        local = self._local
        if local is not self._seen:
            self._seen = local
            return _SETTLED_S
        self.current().prepare(self._used)
        self._used = None
        return None

    def overridden(self) -> List[str]:
        """Return the names of pushed patterns that give way to local ones."""
        local = self._local
        return [name for name in self._pushed if name in local]

    def current(self) -> PatternSet:
        """Return the set in force; immutable, so a call under way keeps the one it began with."""
        compiled = self._compiled
        if compiled is None:
            with self._lock:
                compiled = self._compiled  # which another thread may have made meanwhile
                if compiled is None:
                    compiled = self._compiled = _compile(
                        self._local, self._pushed, self._rewrites_cached
                    )
        return compiled


def _compile(
    local: Mapping[str, Pattern], pushed: Mapping[str, Pattern], rewrites_cached: bool
) -> PatternSet:
    """Make the set of which each name is there once, local before pushed before built in."""
    replaced = {**pushed, **local}
    built_in = [pattern for pattern in BUILT_IN if pattern.name not in replaced]
    remaining = [pattern for pattern in pushed.values() if pattern.name not in local]
    return PatternSet([*built_in, *remaining, *local.values()], rewrites_cached=rewrites_cached)
