"""What other distributions add to Arc: providers, detectors and stores, named by entry points."""

from __future__ import annotations

import logging
from typing import Any, Callable, Iterable, List, Optional, TypeVar

_logger = logging.getLogger("arc")

_Made = TypeVar("_Made")


def extensions(group: str) -> Iterable[Any]:
    """Return the entry points of a group, such as `arc.detectors`; their `load()` imports."""
    from importlib import metadata  # 20 ms that a mere import of Arc does not need

    found: Any = metadata.entry_points()
    # Python 3.8 and 3.9 return a mapping of lists
    has_select = hasattr(found, "select")
    ours: Iterable[Any] = found.select(group=group) if has_select else found.get(group, ())
    return ours


def loaded(group: str, role: str, make: Callable[[str, Any], _Made]) -> List[_Made]:
    """Load a group and return what `make` makes of the name and the module of each.

    One that cannot be loaded, or that `make` raises on, is left out with a warning that calls it by
    its `role`.
    """
    made = [_loaded(entry_point, role, make) for entry_point in extensions(group)]
    return [each for each in made if each is not None]


def _loaded(entry_point: Any, role: str, make: Callable[[str, Any], _Made]) -> Optional[_Made]:
    try:
        return make(entry_point.name, entry_point.load())
    except Exception as fault:
        _logger.warning(
            "The %s '%s' (%s) cannot be used: %s: %s. Mend or uninstall the package that brings "
            "it.",
            role,
            entry_point.name,
            entry_point.value,
            type(fault).__name__,
            fault,
        )
        return None
