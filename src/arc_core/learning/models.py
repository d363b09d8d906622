"""Which models a pattern concerns: as general as the evidence, and no more."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

_BOUNDARY = re.compile(r"[-./:@_]")
_SHORTEST_PREFIX = 2


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
