"""A pattern that may match a request."""

from __future__ import annotations

from typing import NamedTuple, Tuple

from arc_protocol.patterns.checks import Check
from arc_protocol.patterns.conditions import Clause
from arc_protocol.patterns.pattern import Pattern


class Candidate(NamedTuple):
    """A pattern that may match, with what is left to ask of a request."""

    rank: int
    """Its place in the order of precedence; unique, so candidates sort by it alone."""
    check: Check
    pattern: Pattern
    clauses: Tuple[Clause, ...]
