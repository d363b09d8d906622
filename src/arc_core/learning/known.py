"""Failures that are documented: what cured them before may cure what looks like them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files
from typing import Any

from arc_core.learning.literals import MODELS


@lru_cache(maxsize=1)
def _catalogue() -> tuple[dict[str, Any], ...]:
    text = (files("arc_protocol") / "vectors" / "catalogue.json").read_text("utf-8")
    return tuple(json.loads(text))


def documented(provider: str, operation: str) -> Iterator[dict[str, Any]]:
    """Yield documented patterns of an operation, those of the provider first.

    Their conditions on the model are left out: other models may have the same faults.
    """
    alike = [case for case in _catalogue() if case.get("operation") in (operation, None)]
    alike.sort(key=lambda case: case.get("provider") != provider)
    for case in alike:
        asked = {path: one for path, one in case["pattern"].items() if path not in MODELS}
        if asked:
            yield {"id": case["id"], "pattern": asked, "fix": case["fix"]}
