"""What a simulated model writes: a text, conforming JSON, or the call of a tool."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from arc_simulator.provider import Call
from arc_simulator.schemas import example
from arc_simulator.tokens import CHARACTERS_PER_TOKEN, text_tokens


class ToolUse(NamedTuple):
    """The call of a tool."""

    name: str
    arguments: str
    """JSON."""


class Writing(NamedTuple):
    """What a model has written within its limit of tokens."""

    text: str
    finish_reason: str
    tokens: int
    """Visible and reasoning tokens together."""
    reasoning_tokens: int


def write(
    call: Call, *, text: str, limit: int | None, is_reasoning: bool, finish_reason: str = "stop"
) -> Writing:
    """Write a text, cut off where the request's limit of tokens says so."""
    reasoning = call.space.settings.reasoning_tokens if is_reasoning else 0
    if limit is not None:
        reasoning = min(reasoning, limit // 2)
        room = max(0, limit - reasoning)
        if text_tokens(text) > room:
            text, finish_reason = text[: room * CHARACTERS_PER_TOKEN], "length"
    return Writing(
        text=text,
        finish_reason=call.outcome.finish_reason or finish_reason,
        tokens=text_tokens(text) + reasoning,
        reasoning_tokens=reasoning,
    )


def choose_text(call: Call, response_format: Any) -> str:
    """Choose the text of a reply: what a rule forces, JSON where asked for, or the usual."""
    if call.outcome.content is not None:
        return call.outcome.content
    kind = response_format.get("type") if isinstance(response_format, Mapping) else None
    if kind == "json_object":
        return json.dumps({"reply": call.space.settings.reply})
    if kind == "json_schema":
        nested = response_format.get("json_schema")
        holder = nested if isinstance(nested, Mapping) else response_format
        return json.dumps(example(holder.get("schema", {})))
    return call.space.settings.reply


def choose_tool(call: Call, tools: Sequence[Mapping[str, Any]], asked: str) -> ToolUse | None:
    """Choose the tool to call: the one that the request forces or that its last text names."""
    if call.forces_text or not tools:
        return None
    choice = call.body.get("tool_choice", "auto")
    if choice == "none":
        return None
    if isinstance(choice, Mapping):
        wanted = choice.get("name") or (choice.get("function") or {}).get("name")
        tool = next((tool for tool in tools if tool.get("name") == wanted), None)
    elif choice == "required":
        tool = tools[0]
    else:
        tool = next((tool for tool in tools if str(tool.get("name")) in asked), None)
    if tool is None:
        return None
    return ToolUse(str(tool.get("name")), json.dumps(example(tool.get("parameters") or {})))


def plain_text(content: Any) -> str:
    """Return the text of a message's content, which may be a list of parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = (part.get("text") for part in parts if isinstance(part, Mapping))
    return " ".join(text for text in texts if isinstance(text, str))


def pieces(text: str, count: int) -> list[str]:
    """Cut a text into about equal pieces, `count` if it is long enough."""
    size = max(1, -(-len(text) // count))
    return [text[start : start + size] for start in range(0, len(text), size)]


def token_limit(body: Mapping[str, Any], *names: str) -> int | None:
    """Return the first of the named parameters that is a number of tokens."""
    values = (body.get(name) for name in names)
    return next((value for value in values if type(value) is int and value > 0), None)
