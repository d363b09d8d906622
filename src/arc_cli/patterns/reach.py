"""Whose calls a pattern concerns."""

from __future__ import annotations

from typing import Any, Dict, List, Sequence

from arc_cli.layout import clean, table


def groups(found: Sequence[Dict[str, Any]]) -> List[str]:
    """Return a table of the applications and models whose calls a pattern would change."""
    if not found:
        return []
    titles = ("APPLICATION", "MODEL", "FAILED", "CHANGED", "HEALTHY", "CHANGED")
    rows = [
        (
            *(clean(each["application"]), clean(each["model"])),
            *(each["failing"], each["changed_failing"]),
            *(each["healthy"], each["changed_healthy"]),
        )
        for each in found
    ]
    return ["", *table(titles, rows)]
