"""Where the words of Arc go when the application has not configured logging."""

from __future__ import annotations

import logging
import sys


class _Fallback(logging.StreamHandler):  # type: ignore[type-arg]
    """Prints to stderr as long as the application has no handlers of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("arc %(levelname)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        if not logging.getLogger().handlers:
            self.stream = sys.stderr
            super().emit(record)


def set_level(level: str) -> None:
    """Set the level of the logger `arc`; the application's own logging is left as it is."""
    logger = logging.getLogger("arc")
    logger.setLevel(level)
    if not logger.hasHandlers():
        logger.addHandler(_Fallback())
