"""Approximate token counts: good enough for usage figures and for limits."""

from __future__ import annotations

CHARACTERS_PER_TOKEN = 4
IMAGE_TOKENS = 85
"""What an inlined image or file counts for; its base64 text says nothing about tokens."""


def count_tokens(value: object) -> int:
    """Count the tokens of all texts in a JSON value; a number is one token."""
    total = 0
    pending = [value]  # a stack, because requests may be nested deeper than Python recurses
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            total += IMAGE_TOKENS if item.startswith("data:") else text_tokens(item)
        elif isinstance(item, dict):
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)
        elif isinstance(item, (int, float)) and not isinstance(item, bool):
            total += 1
    return total


def text_tokens(text: str) -> int:
    """Count the tokens of one text, rounded up."""
    return -(-len(text) // CHARACTERS_PER_TOKEN)
