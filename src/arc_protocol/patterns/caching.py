"""Prompt caches of providers, which keep the beginning of a prompt while it stays the same.

A fix that changes a prompt early makes the provider read all after it anew, at up to ten times the
price. A prompt begins with the tools, then come the instructions, then the conversation.
"""

from __future__ import annotations

from typing import Any, Callable, Iterator, List, Mapping, NamedTuple, Optional, Tuple

from arc_protocol.patterns.values import LIST, MAPPING, MISSING, equal

_TOOLS = ("tools", "functions", "toolConfig", "tool_config")
_INSTRUCTIONS = ("system", "instructions", "system_instruction", "systemInstruction")
_CONVERSATIONS = ("messages", "input", "contents", "prompt")
_PARTS = (_TOOLS, _INSTRUCTIONS, _CONVERSATIONS)
FIELDS = frozenset([*_TOOLS, *_INSTRUCTIONS, *_CONVERSATIONS])
"""Fields that prompts consist of."""
_MARKS = ("cache_control", "cachePoint")
_BY_MARKS_ALONE = frozenset(["anthropic", "aws.bedrock"])
"""Providers that keep nothing unless it is marked."""
_SHORTEST = 4096
"""Characters of a prompt below which no cache keeps it: 1,024 tokens of some four each."""
_DEEPEST = 12

Request = Mapping[str, Any]
Apply = Callable[[Request], Request]


class _Spot(NamedTuple):
    """A place in a prompt; spots are in the order of the prompt."""

    part: int
    at: int
    name: str


def loss(before: Request, after: Request, apply: Apply, provider: Optional[str]) -> Optional[str]:
    """Say why a fix costs the prompt cache that the application may have; None if it does not.

    Before a mark for the cache nothing may change. Without marks, where a provider keeps the
    beginning of long prompts by itself, the fix must make of a shorter history the beginning of
    what it makes of the longer one: then the cache is filled anew once, and not at every call.
    """
    changed = _first_change(before, after)
    if changed is None:
        return None
    marks = list(_marks(before))
    if marks:
        mark = max(marks)
        if changed[:2] > mark[:2]:
            return None
        return f"it would change {changed.name}, before the prompt-cache mark in {mark.name}"
    if provider in _BY_MARKS_ALONE or _size(before, 0) < _SHORTEST:
        return None
    shorter = _shortened(before)
    if shorter is None or (changed.part == 2 and changed.at >= _length(shorter)):
        return None
    if _grows(apply(shorter), after):
        return None
    return f"it would change {changed.name} anew at each call, which the provider's cache keeps"


def _spots(request: Request) -> Iterator[Tuple[_Spot, Any]]:
    for part, fields in enumerate(_PARTS):
        for field in fields:
            value = request.get(field, MISSING)
            if isinstance(value, LIST):
                for at, element in enumerate(value):
                    yield _Spot(part, at, f"{field}[{at}]"), element
            elif value is not MISSING:
                yield _Spot(part, 0, field), value


def _first_change(before: Request, after: Request) -> Optional[_Spot]:
    if all(before.get(field, MISSING) is after.get(field, MISSING) for field in FIELDS):
        return None
    old, new = list(_spots(before)), list(_spots(after))
    for (spot, mine), (_, theirs) in zip(old, new):
        if mine is not theirs and not equal(_unmarked(mine, 0), _unmarked(theirs, 0)):
            return spot
    if len(old) == len(new):
        return None
    return new[len(old)][0] if len(new) > len(old) else old[len(new)][0]


def _marks(request: Request) -> Iterator[_Spot]:
    for spot, value in _spots(request):
        if _is_marked(value, 0):
            yield spot


def _is_marked(value: Any, depth: int) -> bool:
    if depth > _DEEPEST:
        return False
    if isinstance(value, MAPPING):
        return any(key in value for key in _MARKS) or any(
            _is_marked(inner, depth + 1) for inner in value.values()
        )
    return isinstance(value, LIST) and any(_is_marked(inner, depth + 1) for inner in value)


def _unmarked(value: Any, depth: int) -> Any:
    """Return a value without the marks, which the model does not see."""
    if depth > _DEEPEST:
        return value
    if isinstance(value, MAPPING):
        return {k: _unmarked(one, depth + 1) for k, one in value.items() if k not in _MARKS}
    if isinstance(value, LIST):
        return [_unmarked(one, depth + 1) for one in value]
    return value


def _size(value: Any, depth: int) -> int:
    if isinstance(value, str):
        return len(value)
    if depth > _DEEPEST:
        return 0
    if isinstance(value, MAPPING):
        return sum(_size(inner, depth + 1) for inner in value.values())
    return sum(_size(inner, depth + 1) for inner in value) if isinstance(value, LIST) else 0


def _history(request: Request) -> Tuple[str, List[Any]]:
    for field in _CONVERSATIONS:
        value = request.get(field)
        if isinstance(value, LIST):
            return field, list(value)
    return "", []


def _length(request: Request) -> int:
    return len(_history(request)[1])


def _shortened(request: Request) -> Optional[Request]:
    """Return the request as it was one turn of a person before; None if there was none."""
    field, history = _history(request)
    asked = [
        at
        for at, one in enumerate(history)
        if at and isinstance(one, MAPPING) and one.get("role") == "user"
    ]
    return {**request, field: history[: asked[-1]]} if asked else None


def _grows(shorter: Request, longer: Request) -> bool:
    """Tell whether a prompt is the beginning of another one."""
    return all(
        mine is theirs or equal(_unmarked(mine, 0), _unmarked(theirs, 0))
        for (_, mine), (_, theirs) in zip(_spots(shorter), _spots(longer))
    )
