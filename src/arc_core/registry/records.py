"""What the registry says about patterns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from arc_core.registry.lifecycle import State


@dataclass(frozen=True, slots=True)
class PatternRecord:
    """A pattern as it stands."""

    project: str
    name: str
    revision: int
    """Of its content; 1, 2, ..."""
    document: dict[str, Any]
    """What `arc_protocol.patterns.Pattern.parse` takes."""
    state: State
    author: str
    """Who wrote this revision."""
    created_at: datetime
    """When the pattern was first added."""
    updated_at: datetime
    """When its last step was."""
    evidence: dict[str, Any]
    """What came with this revision."""
    digest: str
    """SHA-256 of the document's canonical JSON."""
    allocation: dict[str, Any] | None = None
    """Share of the calls that gets the fix, as `arc_protocol.patterns.allocation` has it."""


@dataclass(frozen=True, slots=True)
class Event:
    """One step in the life of a pattern."""

    project: str
    name: str
    revision: int
    """The revision that took the step."""
    from_state: State | None
    """None where a revision begins."""
    to_state: State
    author: str
    """Who took the step."""
    reason: str
    evidence: dict[str, Any]
    set_version: int | None
    """The version of the set that it made; None where the set stayed as it was."""
    at: datetime


@dataclass(frozen=True, slots=True)
class Stop:
    """That all patterns of a project are out of force, until they are resumed together."""

    at: datetime
    author: str
    reason: str
