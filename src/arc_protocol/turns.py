"""What one call adds to its agent run, in hashes: enough to see loops, and no words.

Equal hashes mean that the same was said. Ids of tool calls are left out, as they differ each time.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from arc_protocol import semconv

_BYTES = 6
_TOOLS = 16
_UNTOLD = frozenset(["id", "call_id", "finish_reason"])


class Turn(NamedTuple):
    """One call of a run."""

    messages: int
    """Of the request."""
    beginning: int
    """Messages before the first one that a model wrote; all of them where a conversation begins."""
    begin: str
    """Hash of those, with the instructions."""
    news: str
    """Hash of what is new in the request: the messages after the last one that a model wrote."""
    spoken: bool
    """Whether a person, or who stands for one, speaks in those."""
    reply: str
    """Hash of what was answered."""
    tools: Tuple[str, ...]
    """Hash of name and arguments of each call of a tool in the reply."""

    def to_json(self) -> str:
        """Return the form that `parse` reads."""
        return json.dumps(self._asdict(), separators=(",", ":"))

    @classmethod
    def parse(cls, text: str) -> Optional[Turn]:
        """Read the JSON form; None if it is none, as anybody may have sent it."""
        try:
            found = json.loads(text)
            made = cls(**{**found, "tools": tuple(found["tools"][:_TOOLS])})
        except (ValueError, TypeError, KeyError, RecursionError):
            return None
        numbers = (made.messages, made.beginning)
        texts = (made.begin, made.news, made.reply, *made.tools)
        right = all(type(each) is int for each in numbers) and type(made.spoken) is bool
        return made if right and all(type(each) is str for each in texts) else None


def turn(content: Mapping[str, Any]) -> Optional[Turn]:
    """Return what a call adds, None where nothing was answered.

    `content` has messages as structures, in the form of the GenAI conventions.
    """
    replies = [
        part for each in _messages(content, semconv.OUTPUT_MESSAGES) for part in _parts(each)
    ]
    if not replies:
        return None
    messages = _messages(content, semconv.INPUT_MESSAGES)
    written = [place for place, each in enumerate(messages) if each.get("role") == "assistant"]
    beginning = written[0] if written else len(messages)
    instructions = content.get(semconv.SYSTEM_INSTRUCTIONS)
    latest = messages[written[-1] + 1 :] if written else messages
    calls = [part for part in replies if part.get("type") == "tool_call"]
    return Turn(
        messages=len(messages),
        beginning=beginning,
        begin=_hash([_told(instructions), *map(_message, messages[:beginning])]),
        news=_hash(map(_message, latest)),
        spoken=any(map(_speaks, latest)),
        reply=_hash(map(_part, replies)),
        tools=tuple(dict.fromkeys(_hash([_part(call)]) for call in calls[:_TOOLS])),
    )


def _messages(content: Mapping[str, Any], name: str) -> List[Mapping[str, Any]]:
    found = content.get(name)
    return [each for each in _list(found) if isinstance(each, Mapping)]


def _parts(message: Mapping[str, Any]) -> List[Mapping[str, Any]]:
    return [each for each in _list(message.get("parts")) if isinstance(each, Mapping)]


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, (list, tuple)) else ()


def _speaks(message: Mapping[str, Any]) -> bool:
    answers = any(part.get("type") == "tool_call_response" for part in _parts(message))
    return message.get("role") == "user" and not answers


def _message(message: Mapping[str, Any]) -> str:
    return "\1".join([str(message.get("role")), *map(_part, _parts(message))])


def _part(part: Mapping[str, Any]) -> str:
    kind = part.get("type")
    if kind == "text":
        return f"text\2{part.get('content')}"
    if kind == "tool_call":
        return f"tool_call\2{part.get('name')}\2{_arguments(part.get('arguments'))}"
    return _told({name: value for name, value in part.items() if name not in _UNTOLD})


def _arguments(value: Any) -> str:
    if isinstance(value, str):  # where it is no JSON, the model's own text
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return str(value)
    return _told(value)


def _told(value: Any) -> str:
    try:
        return json.dumps(value, sort_keys=True, default=str)
    except (TypeError, ValueError, RecursionError):
        return str(type(value))


def _hash(texts: Iterable[str]) -> str:
    digest = hashlib.blake2b(digest_size=_BYTES)
    for text in texts:
        digest.update(text.encode("utf-8", "replace"))
        digest.update(b"\0")
    return digest.hexdigest()
