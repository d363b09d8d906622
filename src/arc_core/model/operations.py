"""Two words for what was called: that of patterns, and that of OpenTelemetry, as calls are stored.

OpenTelemetry calls both of OpenAI's APIs for conversations `chat`, and tells them apart by another
attribute; patterns tell them apart, as their requests differ.
"""

from __future__ import annotations

RESPONSES = "responses"
"""The word of patterns, and the value of `api`, for OpenAI's Responses API."""
CHAT = "chat"

_STORED = {"completions": "text_completion", RESPONSES: CHAT}
_WORDS = {"text_completion": "completions"}


def called(operation: str, api: str) -> str:
    """Return the word of patterns for what a call is stored as."""
    if operation == CHAT and api == RESPONSES:
        return RESPONSES
    return _WORDS.get(operation, operation)


def stored(operation: str) -> tuple[str, bool | None]:
    """Return as which operation calls are stored that a pattern's word is about.

    And whether their `api` must be `RESPONSES`, or must not; None: it says nothing.
    """
    recorded = _STORED.get(operation, operation)
    return recorded, operation == RESPONSES if recorded == CHAT else None
