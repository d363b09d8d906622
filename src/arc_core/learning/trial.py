"""Tries a pattern on recorded calls, with the matcher that the Runtimes run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from arc_core.learning.examples import Example
from arc_protocol.patterns import Origin, Pattern, PatternSet


@dataclass(frozen=True, slots=True)
class Trial:
    """What a pattern would have done to recorded calls."""

    failing: int
    matched_failing: int
    changed_failing: int
    healthy: int
    matched_healthy: int
    changed_healthy: int
    still_matching: int
    """Calls that the pattern would match again after its own fix."""
    errors: tuple[str, ...]
    """Why it could not be evaluated or applied, each reason once."""

    @property
    def passed(self) -> bool:
        """Whether it changes calls that failed, leaves its own condition, and raises nothing."""
        return self.changed_failing > 0 and self.still_matching == 0 and not self.errors


def trial(
    document: dict[str, Any], failing: Sequence[Example], healthy: Sequence[Example]
) -> Trial:
    """Say what a pattern would have done to calls of its provider and operation.

    Raises:
        PatternError: the document is no pattern.
    """
    untested = {key: value for key, value in document.items() if key != "allocation"}
    pattern = Pattern.parse(untested, origin=Origin.PUSHED)
    tried = _Tried(pattern)
    matched_failing, changed_failing = tried.on(failing)
    matched_healthy, changed_healthy = tried.on(healthy)
    return Trial(
        len(failing),
        matched_failing,
        changed_failing,
        len(healthy),
        matched_healthy,
        changed_healthy,
        tried.still_matching,
        tuple(tried.errors),
    )


def tries(document: dict[str, Any], examples: Iterable[Example]) -> Iterator[tuple[Example, Any]]:
    """Yield calls with what a pattern makes of each: None where it does not match."""
    untested = {key: value for key, value in document.items() if key != "allocation"}
    tried = _Tried(Pattern.parse(untested, origin=Origin.PUSHED))
    for example in examples:
        yield example, tried.fixed(example.request, example.server)


class _Tried:
    def __init__(self, pattern: Pattern) -> None:
        self._pattern = pattern
        self._set = PatternSet([pattern])
        self.still_matching = 0
        self.errors: dict[str, None] = {}

    def on(self, examples: Sequence[Example]) -> tuple[int, int]:
        matched = changed = 0
        for example in examples:
            fixed = self.fixed(example.request, example.server)
            if fixed is None:
                continue
            matched += 1
            if fixed is not example.request:
                changed += 1
                self.still_matching += self.fixed(fixed, example.server) is not None
        return matched, changed

    def fixed(self, request: Any, server: str) -> Any:
        pattern = self._pattern
        decision = self._set.decide(pattern.provider, pattern.operation, request, server=server)
        if decision is None:
            return None
        self.errors.update((reason, None) for _, reason in decision.errors)
        return decision.body if decision.matched else None
