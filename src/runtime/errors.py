"""What Arc raises: only where the application called Arc itself, never out of an LLM call."""

from arc_protocol.errors import ArcError, PatternError

__all__ = ["ArcError", "PatternError", "SettingError"]


class SettingError(ArcError, ValueError):
    """A setting cannot be used; the message names it, its value and what would be right."""
