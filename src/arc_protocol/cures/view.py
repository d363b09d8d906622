"""What the readers of errors work on, and what they find."""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, Iterator, List, Literal, NamedTuple, Optional

from arc_protocol.cures.facts import ErrorFacts
from arc_protocol.cures.mentions import mentioned
from arc_protocol.cures.places import Place, Request, place_of

Fix = Dict[str, Any]
"""A fix document of the pattern language."""


class Cure(NamedTuple):
    """A change that an error's own words suggest; not proven."""

    fix: Fix
    """Fix document of the pattern language; it changes the request that failed."""
    confidence: Literal["strong", "weak"]
    """`strong`: the words say what to change, and to what."""
    because: str
    """What in the error says so, in a few words."""


class View:
    """One error with the request that it answered."""

    def __init__(self, error: ErrorFacts, request: Request) -> None:
        self.error = error
        self.text = error.message
        self.low = error.message.lower()
        self.request = request
        self.param: Optional[Place] = place_of(error.param, request) if error.param else None
        self.mentions: List[Place] = mentioned(self.text, request)

    def says(self, pattern: str) -> Optional[re.Match[str]]:
        """Search the words, whatever their case."""
        return re.search(pattern, self.text, re.IGNORECASE)

    @property
    def subjects(self) -> List[Place]:
        """What the error may blame, the likeliest first."""
        if self.param is None:
            return self.mentions
        closer = [
            one for one in self.mentions if one.steps[: len(self.param.steps)] == self.param.steps
        ]
        # a text that names a part of the blamed parameter means the part
        rest = [one for one in self.mentions if one not in closer and one.path != self.param.path]
        return [*closer, self.param, *rest] if closer else [self.param, *rest]


Reader = Callable[[View], Iterator[Cure]]


def strong(fix: Fix, because: str) -> Cure:
    """Make a cure that the words state."""
    return Cure(fix, "strong", because)


def weak(fix: Fix, because: str) -> Cure:
    """Make a cure that the words only suggest."""
    return Cure(fix, "weak", because)
