"""The border to the application: a fault of Arc is counted and logged, never raised."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Mapping, Set, Tuple

_logger = logging.getLogger("arc")


class Guard:
    """Takes the faults that Arc's own code makes while it serves a call.

    Use it as the last `except Exception` at a border; the code behind the border then goes on as
    if Arc were not there. Each kind of fault is logged once, with its traceback at DEBUG level.
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._seen: Set[Tuple[str, type]] = set()

    def caught(self, step: str, fault: Exception) -> None:
        """Count a fault of one internal step, such as `match`, and log it the first time."""
        self._counts[step] += 1
        kind = (step, type(fault))
        if kind in self._seen:
            return
        self._seen.add(kind)
        try:
            _logger.warning(
                "Arc stepped aside in '%s' because of %s; the application's calls go on unchanged. "
                "This is a fault of Arc: please report it (details at log level DEBUG).",
                step,
                type(fault).__name__,
            )
            _logger.debug("The fault in '%s':", step, exc_info=fault)
        except Exception:  # an application's log handler may fail as well
            self._counts["log"] += 1

    @property
    def counts(self) -> Mapping[str, int]:
        """Faults so far, by internal step."""
        return dict(self._counts)
