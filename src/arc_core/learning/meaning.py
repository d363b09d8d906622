"""What a fix may change in what the application gets: the price of a call that succeeds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from arc_protocol.patterns.reach import FOLDERS

_REMOVED = {
    "stop": "replies no longer end where it said",
    "stop_sequences": "replies no longer end where it said",
    "response_format": "the form of replies is no longer promised",
    "response_schema": "the form of replies is no longer promised",
    "response_mime_type": "the form of replies is no longer promised",
    "tools": "the model can no longer call tools",
    "tool_choice": "the model chooses whether to call a tool",
    "tool_config": "the model chooses whether to call a tool",
    "logit_bias": "words are no longer favoured or banned",
    "logprobs": "replies come without probabilities",
    "top_logprobs": "replies come without probabilities",
    "stream": "replies come whole",
    "system": "the instructions are gone",
}
"""What asks for something that the application sees in the reply, and is lost with it."""
_LESSENED = {
    "n": "fewer choices in a reply",
    "candidate_count": "fewer choices in a reply",
    "best_of": "fewer choices in a reply",
    "stop": "some stop sequences no longer end replies",
    "stop_sequences": "some stop sequences no longer end replies",
    "tools": "some tools can no longer be called",
    "top_logprobs": "fewer probabilities in a reply",
}
_TUNED = {
    "temperature": "replies vary more or less",
    "top_p": "replies vary more or less",
    "top_k": "replies vary more or less",
    "presence_penalty": "replies repeat themselves more or less",
    "frequency_penalty": "replies repeat themselves more or less",
    "seed": "replies are less repeatable",
    "reasoning_effort": "the model thinks more or less",
    "reasoning": "the model thinks more or less",
    "thinking": "the model thinks more or less",
    "thinking_config": "the model thinks more or less",
    "model": "another model answers",
}
"""What shapes replies; another value is still an answer to what was asked."""
_LIMIT = re.compile(r"^max_?(?:(?:completion|output|new)_?)?tokens")
_KEEPS = frozenset(
    [
        *("rename", "move", "convert", "sanitize", "rewrite_ids", "dedupe", "strip", "default"),
        "limit_marks",
    ]
)
"""Operations after which everything is still said."""


def meaning(fix: Mapping[str, Any]) -> str:
    """Say what a fix may change in what is asked for; "" if nothing."""
    said = [_of(path, change) for path, change in fix.items()]
    return "; ".join(dict.fromkeys(one for one in said if one))


def loses(fix: Mapping[str, Any]) -> bool:
    """Tell whether something that was asked for is not asked for any more."""
    lost = {*_REMOVED.values(), *_LESSENED.values(), "another model answers"}
    return any(_of(path, change) in lost for path, change in fix.items())


def _of(path: str, change: Any) -> str:
    steps = [step for step in re.split(r"[.\[]", path) if step]
    if len(steps) > 1 and _snake(steps[0]) in FOLDERS:
        del steps[0]
    name = _snake(steps[0])
    operation = next(iter(change)) if isinstance(change, dict) and len(change) == 1 else ""
    if operation in _KEEPS:
        return ""
    if _LIMIT.match(name):
        return _of_limit(change, operation)
    if change is None and len(steps) == 1:
        return _REMOVED.get(name) or _TUNED.get(name, "")
    if name in _LESSENED and operation in ("", "set", "clamp", "limit", "drop"):
        return _LESSENED[name]
    if name in _TUNED:
        return _TUNED[name]
    if name in ("tool_choice", "response_format", "tool_config"):
        return _REMOVED[name]
    if name in ("messages", "input", "contents", "system", "prompt"):
        return "the conversation is put together otherwise"
    return ""


def _of_limit(change: Any, operation: str) -> str:
    bounds = change["clamp"] if operation == "clamp" else {}
    if change is None or "low" in bounds:
        return "replies may be longer, and cost more"
    return "long replies are cut off sooner"


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name.strip("]*")).lower()
