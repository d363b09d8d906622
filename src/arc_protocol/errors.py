"""Errors that Arc raises on purpose; every one is a subclass of `ArcError`."""


class ArcError(Exception):
    """Anything that Arc refuses; catch this to catch all of them."""


class PatternError(ArcError, ValueError):
    """A pattern is refused; the message names the field, the value and what would be right."""
