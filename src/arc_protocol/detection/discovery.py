"""Finds detectors by their being there: the modules of a package, and those of other distributions.

A detector is a module with `detect`, which tells whether something went wrong, and `PRECEDENCE`:
failures with a low one explain those with a higher one. The failure is called as the module, or as
the entry point that names it.
"""

from __future__ import annotations

import importlib
import logging
import pkgutil
from types import ModuleType
from typing import Any, Callable, List, NamedTuple, Optional, Tuple

from arc_protocol.extensions import loaded

_logger = logging.getLogger("arc")


class Detector(NamedTuple):
    """One thing that can go wrong, and how to see it."""

    precedence: int
    kind: str
    detect: Callable[[Any], bool]


def discover(package: ModuleType, group: Optional[str] = None) -> Tuple[Detector, ...]:
    """Return the detectors of a package and of a group of entry points, causes first.

    One of another distribution takes the place of ours with its name. One that cannot be loaded is
    left out with a warning; one that fails has seen nothing.
    """
    found = {
        module.name: _detector(
            module.name, importlib.import_module(f"{package.__name__}.{module.name}")
        )
        for module in pkgutil.iter_modules(package.__path__)
    }
    if group is not None:
        others = loaded(group, "detector", _of_others)
        found.update((each.kind, each) for each in others)
    return tuple(sorted(found.values(), key=lambda each: (each.precedence, each.kind)))


def _detector(kind: str, module: Any) -> Detector:
    return Detector(int(module.PRECEDENCE), kind, module.detect)


def _of_others(kind: str, module: Any) -> Detector:
    found = _detector(kind, module)
    return found._replace(detect=_careful(found))


def _careful(detector: Detector) -> Callable[[Any], bool]:
    """Return a `detect` that finds nothing where that of somebody else fails."""
    faults: List[Exception] = []

    def detect(seen: Any) -> bool:
        try:
            return bool(detector.detect(seen))
        except Exception as fault:
            if not faults:
                faults.append(fault)
                _logger.warning(
                    "The detector '%s' failed: %s: %s. The calls that it fails on count as good.",
                    detector.kind,
                    type(fault).__name__,
                    fault,
                )
            return False

    return detect
