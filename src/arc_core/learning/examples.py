"""What learning works on: recorded calls, and sets of them as the bits of an integer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from arc_protocol.cures import Cure, ErrorFacts

Request = Mapping[str, Any]

Cures = Callable[[ErrorFacts, Request, str, str], list[Cure]]
"""From an error, its request, provider and operation to changes that may cure it."""

Rows = int
"""A set of calls; bit n stands for the call n, and the failing ones come first."""


@dataclass(frozen=True, slots=True)
class Example:
    """One recorded call."""

    request: Request
    """As `arc_protocol.recording.restore` returns it."""
    application: str
    error: ErrorFacts | None = None
    server: str = ""
    """Where it went, as host:port; empty where that is not known."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Calls of one provider and operation: those with one failure, and healthy ones."""

    failing: Sequence[Example]
    healthy: Sequence[Example]

    @property
    def requests(self) -> list[Request]:
        """The requests, in the order of the bits."""
        return [example.request for example in (*self.failing, *self.healthy)]

    @property
    def all(self) -> Rows:
        """Every call."""
        return (1 << (len(self.failing) + len(self.healthy))) - 1

    @property
    def failed(self) -> Rows:
        """The failing calls."""
        return (1 << len(self.failing)) - 1


def members(rows: Rows) -> list[int]:
    """Return the numbers of the calls in a set, in rising order."""
    found = []
    while rows:
        lowest = rows & -rows
        found.append(lowest.bit_length() - 1)
        rows ^= lowest
    return found
