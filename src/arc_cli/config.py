"""`arc config`: every setting, its value, where it comes from and what it means."""

from __future__ import annotations

import argparse
import json
from typing import Any, Sequence

from runtime import _config


def main(argv: Sequence[str]) -> int:
    """Print the settings that a program started in this folder would have."""
    parser = argparse.ArgumentParser(prog="arc config", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--markdown", action="store_true", help="print the table of the docs")
    options = parser.parse_args(argv)
    if options.markdown:
        print(markdown())
        return 0
    settings = _config.read({})
    rows = [
        {
            "name": setting.name,
            "env": setting.env,
            "value": _shown(setting, settings.values[setting.name]),
            "source": settings.sources[setting.name],
            "meaning": setting.meaning,
        }
        for setting in _config.SETTINGS
    ]
    if options.json:
        print(json.dumps(rows, indent=2))
        return 0
    for row in rows:
        print(f"{row['name']:17} {row['value']!s:25} {row['source']}")
    return 0


def markdown() -> str:
    """Return the table of settings for the documentation."""
    lines = ["| argument | environment | default | meaning |", "| --- | --- | --- | --- |"]
    for setting in _config.SETTINGS:
        default = "none" if setting.default is None else f"`{_plain(setting.default)}`"
        lines.append(f"| `{setting.name}` | `{setting.env}` | {default} | {setting.meaning} |")
    return "\n".join(lines)


def _plain(value: Any) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


def _shown(setting: _config.Setting, value: Any) -> Any:
    return "(set, not shown)" if value is not None and not setting.in_file else value
