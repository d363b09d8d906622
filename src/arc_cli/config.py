"""`arc config`: every setting, its value, where it comes from and what it means."""

from __future__ import annotations

import json
from typing import Any, Dict, Sequence

from arc_cli.layout import table
from arc_cli.parser import Parser
from runtime import _config


def main(argv: Sequence[str]) -> int:
    """Print the settings that a program started in this folder would have."""
    options = parser().parse_args(argv)
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
    lines = [(row["name"], row["env"], _in_words(row["value"]), _origin(row)) for row in rows]
    titles = ("SETTING", "ENVIRONMENT", "VALUE", "FROM")
    print(*table(titles, lines, whole=("SETTING", "ENVIRONMENT")), sep="\n")
    print("\nAn argument of Arc(...) goes before the environment, that before [tool.arc] in")
    print("pyproject.toml, that before the default.")
    return 0


def parser() -> Parser:
    """Return what the command takes."""
    made = Parser(prog="arc config", description=__doc__)
    made.add_argument("--json", action="store_true", help="print JSON")
    made.add_argument("--markdown", action="store_true", help="print the table of the docs")
    return made


def markdown() -> str:
    """Return the table of settings for the documentation."""
    lines = ["| argument | environment | default | meaning |", "| --- | --- | --- | --- |"]
    for setting in _config.SETTINGS:
        default = "none" if setting.default is None else f"`{_plain(setting.default)}`"
        lines.append(f"| `{setting.name}` | `{setting.env}` | {default} | {setting.meaning} |")
    return "\n".join(lines)


def _origin(row: Dict[str, Any]) -> str:
    """Return where a value comes from; its own variable is in the row already."""
    return "environment" if row["source"] == row["env"] else str(row["source"])


def _in_words(value: Any) -> str:
    """Return a value for people."""
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value) if value != "" else "(empty)"


def _plain(value: Any) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


def _shown(setting: _config.Setting, value: Any) -> Any:
    return "(set, not shown)" if value is not None and not setting.in_file else value
