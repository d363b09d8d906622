"""What a check of `arc doctor` says."""

from __future__ import annotations

from typing import NamedTuple

OK = "ok"
WARNING = "warning"
"""Works, but not as people expect."""
PROBLEM = "problem"
"""Does not work as it is set."""


class Finding(NamedTuple):
    """One line of the report."""

    check: str
    level: str
    found: str
    advice: str = ""
    """What to do; empty where there is nothing to do."""
