"""What a transaction is for."""

from __future__ import annotations

from enum import Enum, auto


class Access(Enum):
    """What a transaction may do, and what it promises."""

    READ = auto()
    """Sees one state of the database throughout."""
    WRITE = auto()
    """Survives power loss once it is committed."""
    REPORT = auto()
    """Writes what will soon be reported again: may be lost at power loss, not by a kill."""
