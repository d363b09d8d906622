"""Checks of what callers give, so that both databases can keep it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from arc_core.registry.errors import RegistryError

_PROJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
MAX_NAME = 200
"""PostgreSQL cannot index much longer texts."""
MAX_REASON = 10_000
MAX_EVIDENCE = 1_000_000


def project_name(value: str) -> str:
    """Return the name of a project, or raise `RegistryError`."""
    if not _PROJECT.fullmatch(value):
        raise RegistryError(
            f"The project is called {_shown(value)}; a name has 1 to 100 letters, digits, dots, "
            "underscores and dashes, and begins with a letter or digit."
        )
    return value


def name(value: str, what: str) -> str:
    """Return a name that people give, or raise `RegistryError`; `what` begins the sentence."""
    if not value.strip() or len(value) > MAX_NAME or not value.isprintable():
        raise RegistryError(
            f"{what} is {_shown(value)}; it must have 1 to {MAX_NAME} printable characters."
        )
    return value


def reason(value: str) -> str:
    """Return the reason of a step, or raise `RegistryError`."""
    if len(value) > MAX_REASON or _UNSTORABLE.search(value):
        raise RegistryError(
            f"The reason is {_shown(value)}; it must have at most {MAX_REASON} printable "
            "characters."
        )
    return value


def evidence(value: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return evidence as plain JSON, or raise `RegistryError`."""
    try:
        text = json.dumps(dict(value or {}), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as problem:
        raise RegistryError(f"The evidence cannot be written as JSON: {problem}.") from None
    if len(text) > MAX_EVIDENCE:
        raise RegistryError(
            f"The evidence takes {len(text)} characters of JSON; at most {MAX_EVIDENCE} are kept."
        )
    plain: dict[str, Any] = json.loads(text)
    return plain


def cleaned(value: str) -> str:
    """Return a text that a machine reports, shortened and without what databases refuse."""
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", value[:MAX_NAME])


def _shown(value: str) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else text[:77] + "..."
