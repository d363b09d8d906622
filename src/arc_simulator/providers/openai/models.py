"""What the simulator knows about OpenAI's models."""

from __future__ import annotations

import re

SNAPSHOTS = {
    "gpt-3.5-turbo": "gpt-3.5-turbo-0125",
    "gpt-4": "gpt-4-0613",
    "gpt-4-turbo": "gpt-4-turbo-2024-04-09",
    "gpt-4.1": "gpt-4.1-2025-04-14",
    "gpt-4.1-mini": "gpt-4.1-mini-2025-04-14",
    "gpt-4.1-nano": "gpt-4.1-nano-2025-04-14",
    "gpt-4o": "gpt-4o-2024-08-06",
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "gpt-5": "gpt-5-2025-08-07",
    "gpt-5-mini": "gpt-5-mini-2025-08-07",
    "gpt-5-nano": "gpt-5-nano-2025-08-07",
    "o1": "o1-2024-12-17",
    "o3": "o3-2025-04-16",
    "o3-mini": "o3-mini-2025-01-31",
    "o4-mini": "o4-mini-2025-04-16",
    "text-embedding-3-small": "text-embedding-3-small",
    "text-embedding-3-large": "text-embedding-3-large",
    "text-embedding-ada-002": "text-embedding-ada-002-v2",
}
"""The dated model that answers for a model's general name."""

OTHER_MODELS = ("dall-e-3", "gpt-image-1", "omni-moderation-latest", "tts-1", "whisper-1")
"""Models that answer under their own name."""

_REASONING = re.compile(r"^(o\d|gpt-5(?!.*-chat))")


def snapshot(model: str) -> str:
    """Return the dated name of a model, or the same name when there is none."""
    return SNAPSHOTS.get(model, model)


def reasons(model: str) -> bool:
    """Whether a model thinks before it answers."""
    return _REASONING.match(model) is not None
