"""Names for learned patterns, which tell people what each is about."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Mapping
from typing import Any

_LONGEST = 60


def name(document: Mapping[str, Any], problem: str, taken: Collection[str]) -> str:
    """Return a name that is free, such as `openai-o9-temperature-unsupported`.

    `problem` is the error's code, or the kind of the failure.
    """
    model = _first_text(document["pattern"].get("model"))
    field = next(iter(document["fix"]), "")
    # of a code such as unsupported_value the first word says it
    words = [document.get("provider") or "", model, field, problem.partition("_")[0]]
    parts = [part for part in map(_slug, words) if part]
    whole = "-".join(parts)[:_LONGEST].strip("-") or "learned"
    if whole not in taken:
        return whole
    return next(
        numbered for number in itertools.count(2) if (numbered := f"{whole}-{number}") not in taken
    )


def _first_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        value = [*value.values()]
    if isinstance(value, list):
        return next((text for text in map(_first_text, value) if text), "")
    return ""


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.")
