"""What other distributions add to Arc: providers, detectors and stores, named by entry points."""

from __future__ import annotations

from typing import Any, Iterable


def extensions(group: str) -> Iterable[Any]:
    """Return the entry points of a group, such as `arc.detectors`; their `load()` imports."""
    from importlib import metadata  # 20 ms that a mere import of Arc does not need

    found: Any = metadata.entry_points()
    # Python 3.8 and 3.9 return a mapping of lists
    has_select = hasattr(found, "select")
    ours: Iterable[Any] = found.select(group=group) if has_select else found.get(group, ())
    return ours
