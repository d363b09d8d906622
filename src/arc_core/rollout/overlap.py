"""Whether two patterns concern the same calls: their trials could not be told apart there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from arc_protocol.patterns import Pattern


def matches(pattern: Pattern, request: Mapping[str, Any]) -> bool:
    """Tell whether a request satisfies a pattern's condition; what cannot be asked does not."""
    try:
        return bool(pattern.when.check(request, request))
    except Exception:
        return False


def overlap(one: Pattern, other: Pattern, requests: Iterable[Mapping[str, Any]]) -> bool:
    """Tell whether both patterns match one of the requests."""
    for mine, theirs in ((one.provider, other.provider), (one.operation, other.operation)):
        if None not in (mine, theirs) and mine != theirs:
            return False
    return any(matches(one, request) and matches(other, request) for request in requests)
