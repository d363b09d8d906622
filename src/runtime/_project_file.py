"""Settings in `[tool.arc]` of the nearest pyproject.toml."""

from __future__ import annotations

import importlib
import logging
import sys
from pathlib import Path
from typing import Any, Mapping, Optional, Tuple

_logger = logging.getLogger("arc")


def settings(folder: Optional[Path]) -> Tuple[Mapping[str, Any], str]:
    """Return what it says, and the file's name; one that cannot be read is logged."""
    try:
        folder = folder or Path.cwd()
    except OSError:  # the program's folder has been removed
        return {}, "pyproject.toml"
    for parent in (folder, *folder.parents):
        path = parent / "pyproject.toml"
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, ValueError):
            continue
        if "tool.arc" not in text:
            return {}, str(path)
        try:
            table = _toml(text).get("tool", {}).get("arc", {})
            if isinstance(table, dict):
                return table, str(path)
            problem = "it is no table"
        except AttributeError:
            problem = "tool is no table"
        except ValueError as fault:
            problem = str(fault)
        _logger.warning("%s: [tool.arc] cannot be used and is ignored: %s.", path, problem)
        return {}, str(path)
    return {}, "pyproject.toml"


def _toml(text: str) -> Mapping[str, Any]:
    tomllib: Any = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    parsed: Mapping[str, Any] = tomllib.loads(text)
    return parsed
