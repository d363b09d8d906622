"""Patterns in files: YAML and JSON, one or several."""

from __future__ import annotations

import json
import sys
from typing import Any, Dict, List, Tuple

from arc_cli.core_client import CoreError

_ORDER = ("name", "provider", "operation", "server", "rationale", "pattern", "fix")


def read(file: str) -> List[Dict[str, Any]]:
    """Return the patterns of a file, or of stdin for "-"; raises `CoreError`."""
    name = "stdin" if file == "-" else file
    try:
        if file == "-":
            raw = sys.stdin.buffer.read()
        else:
            with open(file, "rb") as opened:
                raw = opened.read()
        text = raw.decode("utf-8-sig")
    except OSError as problem:
        raise CoreError(f"{name} cannot be read: {problem.strerror}.") from problem
    except ValueError as problem:
        raise CoreError(f"{name} is no text in UTF-8.") from problem
    found = _patterns(_values(text, name))
    if not found:
        raise CoreError(f"{name} holds no patterns.")
    for number, each in enumerate(found, 1):
        if not isinstance(each, dict):
            raise CoreError(f"{name}: pattern {number} is no mapping with pattern and fix.")
    return found


def only_one(file: str) -> Dict[str, Any]:
    """Return the pattern of a file that holds one; raises `CoreError`."""
    found = read(file)
    if len(found) > 1:
        raise CoreError(f"{file} holds {len(found)} patterns; add them with `arc patterns import`.")
    return found[0]


def parse_json(text: str, name: str) -> Any:
    """Return JSON that was given as `name`; raises `CoreError`."""
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as problem:
        raise CoreError(f"{name} is no JSON: {problem}.") from problem


def to_json(patterns: List[Any]) -> str:
    """Return what `read` takes, as JSON."""
    return json.dumps(patterns, indent=2) + "\n"


def to_yaml(patterns: List[Any], *, ascii_only: bool) -> str:
    """Return what `read` takes, as YAML."""
    yaml = _yaml()
    ordered = [{name: each[name] for name in (*_ORDER, *each) if name in each} for each in patterns]
    text: str = yaml.safe_dump(ordered, sort_keys=False, width=100, allow_unicode=not ascii_only)
    return text


def _patterns(values: List[Any]) -> List[Any]:
    found: List[Any] = []
    for value in values:
        if isinstance(value, dict) and [*value] == ["documents"]:  # as REST exports them
            value = value["documents"]
        found += value if isinstance(value, list) else [value]
    return found


def _values(text: str, name: str) -> List[Any]:
    try:
        return [json.loads(text, object_pairs_hook=_unique)]
    except (ValueError, RecursionError) as problem:
        if name.endswith(".json"):
            raise CoreError(f"{name} is no JSON: {problem}.") from problem
    yaml = _yaml()
    try:
        values = [each for each in yaml.load_all(text, _loader(yaml)) if each is not None]
        json.dumps(values, allow_nan=False)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as problem:
        words = " ".join(str(problem).split())
        raise CoreError(f"{name} is neither JSON nor YAML that JSON could hold: {words}.") from None
    return values


def _yaml() -> Any:
    try:
        import yaml
    except ImportError as problem:
        raise CoreError(
            'YAML needs more than the base install: pip install "arc-runtime[core]", or use JSON.'
        ) from problem
    return yaml


def _loader(yaml: Any) -> Any:
    """Return a loader that leaves dates as they are written, and refuses what is given twice."""

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        def construct_mapping(self, node: Any, deep: bool = False) -> Dict[Any, Any]:
            made: Dict[Any, Any] = super().construct_mapping(node, deep=deep)
            if len(made) < len(node.value):
                line = node.start_mark.line + 1
                raise yaml.YAMLError(f"the mapping at line {line} has a name twice")
            return made

    Loader.yaml_implicit_resolvers = {
        first: [each for each in resolvers if each[0] != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    return Loader


def _unique(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{max(names, key=names.count)!r} is given twice")
    return made
