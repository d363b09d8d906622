"""Which models a pattern concerns: as general as the evidence, and no more."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

_BOUNDARY = re.compile(r"[-./:@_]")
_SHORTEST_PREFIX = 2
_DATED = re.compile(r"[-@_](?:20\d{2}-?\d{2}-?\d{2}|\d{4}|latest|preview-\d{2}-\d{2})$")
"""How the name of a snapshot ends, beside the name of the model."""


def requirement(failing: Collection[str], others: Collection[str]) -> Any:
    """Return what must hold of the model: one name, several, or the beginnings that they share.

    A beginning stands for its models only if two of them failed and none of `others` has it.
    """
    names = sorted(failing)
    prefixes, rest = _families(names, others)
    if len(prefixes) != 1 or rest:
        family = _family_but_few(names, others)
        if family is not None:
            return family
    if not prefixes:
        return names[0] if len(names) == 1 else {"in": names}
    if not rest:
        return {"starts_with": prefixes[0] if len(prefixes) == 1 else prefixes}
    parts = [re.escape(prefix) for prefix in prefixes] + [f"{re.escape(name)}$" for name in rest]
    return {"matches": f"^(?:{'|'.join(parts)})"}


def family(failing: Collection[str], others: Collection[str]) -> Any | None:
    """Return what holds of all the models and of others of their family; None if they have none.

    They are of one family if they share a beginning that none of `others` has. A snapshot stands
    for the model that it is one of.
    """
    names = sorted(failing)
    undated = [_DATED.sub("", name) for name in names]
    if len(names) == 1 and undated == names:
        return names[0]
    shared = set.intersection(*map(_beginnings, undated))
    if not shared:
        return None
    prefix = max(shared, key=len)
    bare = prefix.rstrip("-./:@_")
    if bare != prefix and len(bare) >= _SHORTEST_PREFIX:
        within = re.compile(rf"{re.escape(bare)}(?:[-./:@_]|$)")
        if not any(within.match(other) for other in others):
            return {"matches": f"^{within.pattern}"}
    if any(other.startswith(prefix) for other in others):
        return None
    return {"starts_with": prefix}


def _family_but_few(names: list[str], others: Collection[str]) -> Any | None:
    """Return the one beginning of all names if less than half as many others have it, too."""
    if len(names) < 3:
        return None
    shared = set.intersection(*map(_beginnings, names))
    for prefix in sorted(shared, key=len, reverse=True)[:1]:
        exceptions = sorted(other for other in others if other.startswith(prefix))
        if 2 * len(exceptions) < len(names):
            return {"starts_with": prefix, "not_in": exceptions}
    return None


def _families(names: list[str], others: Collection[str]) -> tuple[list[str], list[str]]:
    rest = list(names)
    prefixes: list[str] = []
    while True:
        shared: dict[str, int] = {}
        for name in rest:
            for prefix in _beginnings(name):
                shared[prefix] = shared.get(prefix, 0) + 1
        fit = [
            prefix
            for prefix, count in shared.items()
            if count > 1 and not any(other.startswith(prefix) for other in others)
        ]
        if not fit:
            return prefixes, rest
        best = max(fit, key=lambda prefix: (shared[prefix], len(prefix)))
        prefixes.append(best)
        rest = [name for name in rest if not name.startswith(best)]


def _beginnings(name: str) -> set[str]:
    ends = {len(name)}
    for boundary in _BOUNDARY.finditer(name):
        ends |= {boundary.start(), boundary.end()}
    return {name[:end] for end in ends if end >= _SHORTEST_PREFIX}
