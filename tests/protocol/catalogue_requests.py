"""The requests of the failure catalogue, with their placeholders written out."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List

import yaml

import arc_simulator


def preventive_cases() -> List[Dict[str, Any]]:
    """Return the cases that a change of the request prevents."""
    text = (Path(arc_simulator.__file__).parent / "catalogue.yaml").read_text(encoding="utf-8")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    cases: List[Dict[str, Any]] = yaml.load(text, loader)["cases"]
    return [case for case in cases if case["fix"].get("preventive", True) is True]


def expanded(value: Any) -> Any:
    """Write out `$text`, `$repeat` and `$base64_image`."""
    if isinstance(value, list):
        return [item for element in value for item in _repeated(element)]
    if not isinstance(value, dict):
        return value
    if "$text" in value:
        size = value["$text"]
        return "word " * size["tokens"] if "tokens" in size else "x" * size["chars"]
    if "$base64_image" in value:
        return "A" * (value["$base64_image"]["bytes"] * 4 // 3)
    return {key: expanded(inner) for key, inner in value.items()}


def _repeated(element: Any) -> List[Any]:
    if not isinstance(element, dict) or "$repeat" not in element:
        return [expanded(element)]
    repeat = element["$repeat"]
    return [_numbered(expanded(repeat["of"]), number) for number in range(repeat["times"])]


def _numbered(value: Any, number: int) -> Any:
    if isinstance(value, str):
        return value.replace("{i}", str(number))
    if isinstance(value, list):
        return [_numbered(item, number) for item in value]
    if isinstance(value, dict):
        return {key: _numbered(inner, number) for key, inner in value.items()}
    return value
