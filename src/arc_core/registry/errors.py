"""What the registry refuses; every message is one sentence for people."""

from __future__ import annotations

from arc_protocol.errors import ArcError


class RegistryError(ArcError):
    """The registry cannot do what was asked; the message says what is wrong and what to do."""


class RegistryUnavailableError(RegistryError):
    """The database cannot be reached, is locked, full or damaged; nothing was changed."""


class UnknownPatternError(RegistryError):
    """The project has no pattern of that name."""


class IllegalMoveError(RegistryError):
    """The life-cycle does not allow this step for a pattern in this state."""
