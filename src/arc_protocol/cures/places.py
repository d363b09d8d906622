"""Places in the request that failed, by the names that an error has for them."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any, List, NamedTuple, Optional, Tuple

from arc_protocol.patterns.paths import Path, parse_path
from arc_protocol.patterns.values import LIST, MAPPING

Request = Any

FOLDERS = (
    "config",
    "generation_config",
    "generationConfig",
    "inferenceConfig",
    "additionalModelRequestFields",
    "options",
    "parameters",
)
"""Objects that hold parameters in some APIs; errors often leave them out."""

_STEPS = re.compile(r"[^.\[\]/'\"`()\s,]+")
_INDEX = re.compile(r"\d+")
_KEY = re.compile(r"[^.\[\]\"*]+")


class Place(NamedTuple):
    """A parameter of the request that an error names."""

    steps: Tuple[str, ...]
    """Keys, and `[*]` for every element of a list."""
    value: Any
    """What the request has there; of several, what the error's index names or the first."""

    @property
    def path(self) -> str:
        """The place as a path of the pattern language."""
        return path_of(self.steps)

    @property
    def name(self) -> str:
        """The last key."""
        return next((step for step in reversed(self.steps) if step != "[*]"), "")

    @property
    def root(self) -> str:
        """The parameter as a whole, without the object that holds parameters."""
        return self.steps[1] if self.steps[0] in FOLDERS and self.steps[1:] else self.steps[0]

    def sibling(self, name: str) -> str:
        """Return the path of another key in the same object."""
        return path_of((*self.steps[:-1], name))


def path_of(steps: Tuple[str, ...]) -> str:
    """Write steps as a path."""
    text = ""
    for step in steps:
        if step == "[*]":
            text += step
        elif _KEY.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f"[{json.dumps(step)}]"
    return text


@lru_cache(maxsize=2048)
def snake(name: str) -> str:
    """Write a name as `snake_case`, whichever way the provider writes it."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).replace("-", "_").lower()


def hits(path: str, request: Request) -> List[Any]:
    """Return what a path of the pattern language leads to."""
    return list(_parsed(path).hits(request))


@lru_cache(maxsize=256)
def _parsed(path: str) -> Path:
    return parse_path(path, "path")


def place_of(name: str, request: Request) -> Optional[Place]:
    """Find what an error calls `name` in the request; None when the request has no such thing.

    Steps that the request does not have are passed over: errors also name the variants of their
    own schema, such as `tools.0.custom.name`.
    """
    steps = _STEPS.findall(name)
    if not steps or not isinstance(request, MAPPING):
        return None
    for base in ((), *((folder,) for folder in FOLDERS if folder in request)):
        start = request[base[0]] if base else request
        found = _walk(steps, start, base)
        if found is not None:
            return found
    return None


def _walk(steps: List[str], value: Any, at: Tuple[str, ...]) -> Optional[Place]:
    taken, passed = at, ""
    for step in steps:
        if isinstance(value, LIST):
            if _INDEX.fullmatch(step):
                # the message may count otherwise than the request: any element will do then
                value = value[int(step)] if int(step) < len(value) else next(iter(value), None)
                taken = (*taken, "[*]")
                continue
            holder = next((one for one in value if _key(one, step)), None)
            if holder is not None:
                value, taken = holder, (*taken, "[*]")
        key = _key(value, step)
        if key is None:
            if taken == at:
                return None  # the first step must be there
            passed = step
            continue
        value, taken, passed = value[key], (*taken, key), ""
    # what was passed over at the end may be the value itself, as in `thinking.type.enabled`
    if passed and not (isinstance(value, str) and value == passed):
        return None
    return Place(taken, value) if taken != at else None


def _key(value: Any, name: str) -> Optional[str]:
    if not isinstance(value, MAPPING):
        return None
    if name in value:
        return name
    wanted = snake(name)
    return next((key for key in value if isinstance(key, str) and snake(key) == wanted), None)
