"""One request and its reply as detectors see them: in the forms of the GenAI conventions."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from arc_protocol import semconv

_SILENT = frozenset(["reasoning", "thinking", "redacted_thinking"])


class ToolCall(NamedTuple):
    """A tool that the model wants to be run."""

    name: str
    arguments: Any
    """What its JSON says, or the model's own text where that is no JSON."""


class Output(NamedTuple):
    """One choice of a reply."""

    finish_reason: str
    """"" where nobody said."""
    text: str
    refusal: bool
    """Whether the provider marked the words as a refusal."""
    calls: Tuple[ToolCall, ...]
    other: bool
    """Whether there is something else to see, such as an image."""


class Exchange(NamedTuple):
    """A request and its reply."""

    operation: str
    outputs: Tuple[Output, ...]
    wants_json: bool
    tools: Mapping[str, Any]
    """Schema of the arguments by name of tool, None where there is none; empty: not known.

    This and what follows is read only for a reply that calls tools: nobody asks otherwise, and
    conversations are long.
    """
    earlier: Tuple[ToolCall, ...]
    """Calls of tools in the conversation since a person last spoke."""
    spoken: bool
    """Whether a person speaks in this very request."""


def read(attributes: Mapping[str, Any], content: Mapping[str, Any]) -> Optional[Exchange]:
    """Return what a span says, None where it says nothing of a reply.

    `content` holds messages and tools as structures; without it, finish reasons are all there is.
    """
    reasons = _list(attributes.get(semconv.RESPONSE_FINISH_REASONS))
    messages = _list(content.get(semconv.OUTPUT_MESSAGES))
    if not (reasons or messages):
        return None
    outputs = [_output(each) for each in messages if isinstance(each, Mapping)]
    for place, reason in enumerate(reasons):
        if place >= len(outputs):
            unseen = semconv.INPUT_MESSAGES not in content
            outputs.append(Output(_text(reason), "", False, (), unseen))
        elif not outputs[place].finish_reason:
            outputs[place] = outputs[place]._replace(finish_reason=_text(reason))
    calls = any(output.calls for output in outputs)
    earlier, spoken = _earlier(content.get(semconv.INPUT_MESSAGES)) if calls else ((), False)
    return Exchange(
        operation=_text(attributes.get(semconv.OPERATION_NAME)),
        outputs=tuple(outputs),
        wants_json=attributes.get(semconv.OUTPUT_TYPE) == "json",
        tools=_tools(content.get(semconv.TOOL_DEFINITIONS)) if calls else {},
        earlier=earlier,
        spoken=spoken,
    )


def _output(message: Mapping[str, Any]) -> Output:
    texts: List[str] = []
    calls: List[ToolCall] = []
    refusal = other = False
    for part in _list(message.get("parts")):
        if not isinstance(part, Mapping):
            continue
        kind = part.get("type")
        if kind == "text":
            texts.append(_text(part.get("content")))
            refusal = refusal or part.get("refusal") is True
        elif kind == "tool_call":
            calls.append(_call(part))
        elif kind not in _SILENT:
            other = True
    reason = _text(message.get("finish_reason"))
    return Output(reason, "".join(texts), refusal, tuple(calls), other)


def _call(part: Mapping[str, Any]) -> ToolCall:
    arguments = part.get("arguments")
    if isinstance(arguments, str):  # as some instrumentations leave them
        with suppress(ValueError, RecursionError):
            arguments = json.loads(arguments)
    return ToolCall(_text(part.get("name")), arguments)


def _tools(definitions: Any) -> Mapping[str, Any]:
    tools: Dict[str, Any] = {}
    for each in _list(definitions):
        if not isinstance(each, Mapping) or each.get("type", "function") not in _ONES_OWN:
            return {}  # one that the provider runs: what it may call is not known
        schema = each.get("parameters") if each.get("type") != "custom" else None
        tools[_text(each.get("name"))] = schema
    return tools


_ONES_OWN = ("function", "custom")


def _earlier(messages: Any) -> Tuple[Tuple[ToolCall, ...], bool]:
    calls: List[ToolCall] = []
    spoken = False
    for message in _list(messages):
        if not isinstance(message, Mapping):
            continue
        if message.get("role") == "user" and not _is_result(message):
            calls.clear()
            spoken = True
        parts = [part for part in _list(message.get("parts")) if isinstance(part, Mapping)]
        calls.extend(_call(part) for part in parts if part.get("type") == "tool_call")
    return tuple(calls), spoken


def _is_result(message: Mapping[str, Any]) -> bool:
    parts = _list(message.get("parts"))
    return any(isinstance(p, Mapping) and p.get("type") == "tool_call_response" for p in parts)


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, (list, tuple)) else ()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
