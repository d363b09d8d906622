"""Texts and tools that move within a request; importing this module registers its operations."""

from __future__ import annotations

from typing import Any, List, Literal, Optional

from arc_protocol.patterns.checks import Check
from arc_protocol.patterns.conversation import (
    calls,
    content_key,
    messages_of,
    role,
    text_block,
    text_of,
)
from arc_protocol.patterns.edit import Edit
from arc_protocol.patterns.fixes import path_operation
from arc_protocol.patterns.paths import Location, Path
from arc_protocol.patterns.values import LIST, MAPPING, MISSING

SEPARATOR = "\n\n"


@path_operation
def hoist(edit: Edit, path: Path, base: Location, *, where: Check, to: Path) -> None:
    """Move the contents of messages that satisfy a condition into a field of the request."""
    for location, messages in edit.find(path, base):
        moved = [message for message in messages_of(messages) if where(message, edit.body)]
        if moved:
            contents = [message.get(content_key(message)) for message in moved]
            kept = [message for message in messages if not any(message is one for one in moved)]
            for target in edit.targets(to, base):
                edit.put(target, _joined([edit.get(target), *contents]))
            edit.put(location, kept, chosen=False)


@path_operation
def append_text(
    edit: Edit,
    path: Path,
    base: Location,
    *,
    text: str,
    role: Optional[List[str]] = None,
    which: Literal["first", "last"] = "first",
) -> None:
    """Add a text to a text, or to a message of the first role in the list that there is."""
    for location in edit.targets(path, base):
        value = edit.get(location)
        if role is not None:
            at = _message_of(value, role, which)
            if at is None:
                continue
            location, value = (*location, at), value[at]
        if isinstance(value, MAPPING):
            location = (*location, content_key(value))
            value = value.get(location[-1])
        if value is MISSING or text not in text_of(value):
            joined = _joined([value, text], str(location[-1]))
            edit.put(location, joined, chosen=False)


@path_operation
def move_text(edit: Edit, path: Path, base: Location, *, to: Path) -> None:
    """Move a text to the start of the first user message of a conversation."""
    for source, value in edit.find(path, base):
        text = text_of(value)
        for location, messages in edit.find(to, base):
            at = _message_of(messages, ["user"], "first")
            if isinstance(messages, str):
                edit.put(location, f"{text}{SEPARATOR}{messages}", chosen=False)
            elif at is not None:
                message = messages[at]
                key = content_key(message)
                joined = _joined([text, message.get(key)], key)
                edit.put((*location, at, key), joined, chosen=False)
            else:
                continue
            edit.remove(source)


@path_operation
def tools_from(edit: Edit, path: Path, base: Location, *, history: Path) -> None:
    """Write the tool configuration of Bedrock that a conversation with tool calls needs."""
    names = dict.fromkeys(
        call.name
        for _, messages in edit.find(history, base)
        for message in messages_of(messages)
        for call in calls(message)
    )
    tools = [
        {"toolSpec": {"name": name, "inputSchema": {"json": {"type": "object", "properties": {}}}}}
        for name in names
    ]
    for location in edit.targets(path, base):
        if tools and edit.get(location) is MISSING:
            edit.put(location, {"tools": tools})


def _message_of(messages: object, roles: List[str], which: str) -> Optional[int]:
    """Return the index of the message to add to: the first role that is there decides."""
    for wanted in roles:
        found = [at for at, message in enumerate(messages_of(messages)) if role(message) == wanted]
        if found:
            return found[0] if which == "first" else found[-1]
    return None


def _joined(contents: List[Any], key: str = "content") -> object:
    """Join contents: texts to a text; if there are blocks, all to blocks of their kind."""
    present = [
        content
        for content in contents
        if content is not MISSING and (isinstance(content, LIST) or text_of(content))
    ]
    if all(isinstance(content, str) for content in present):
        return SEPARATOR.join(present)
    like = {key: [block for content in present if isinstance(content, LIST) for block in content]}
    return [
        block
        for content in present
        for block in (
            content if isinstance(content, LIST) else [text_block(text_of(content), like)]
        )
    ]
