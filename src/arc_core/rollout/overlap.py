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


def disputed(one: Pattern, other: Pattern, requests: Iterable[Mapping[str, Any]]) -> bool:
    """Tell whether both fixes change the same place of one of the requests.

    There one would take the other's place.
    """
    if not same_api(one, other):
        return False
    return any(
        matches(one, request)
        and matches(other, request)
        and not _written(one, request).isdisjoint(_written(other, request))
        for request in requests
    )


def overlap(one: Pattern, other: Pattern, requests: Iterable[Mapping[str, Any]]) -> bool:
    """Tell whether both patterns match one of the requests."""
    if not same_api(one, other):
        return False
    return any(matches(one, request) and matches(other, request) for request in requests)


def same_api(one: Pattern, other: Pattern) -> bool:
    """Tell whether there are calls that both may be about."""
    if one.servers and other.servers and one.servers.isdisjoint(other.servers):
        return False
    return all(
        None in (mine, theirs) or mine == theirs
        for mine, theirs in ((one.provider, other.provider), (one.operation, other.operation))
    )


def _written(pattern: Pattern, request: Mapping[str, Any]) -> set[object]:
    """Return the parameters that a fix changes; none where it does not fit."""
    try:
        fixed, written = pattern.then.apply(request, {})
    except Exception:
        return set()
    return set() if fixed is request else {place[0] for place in written}
