"""The operation `repair`: named repairs of messages and shapes; importing this registers them.

One function is one repair; its name is the name in the language, its keyword arguments are its
schema. It gets the value at the path and returns the repaired one, or the same if all is well.
"""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, List, Literal, Optional, Tuple, TypeVar

from arc_protocol.patterns.arguments import Json, bind
from arc_protocol.patterns.conversation import (
    TOOL_ROLES,
    Place,
    as_blocks,
    blocks,
    calls,
    content_key,
    kind,
    messages_of,
    pair,
    results,
    text_block,
    text_of,
)
from arc_protocol.patterns.conversation import role as role_of
from arc_protocol.patterns.edit import Edit
from arc_protocol.patterns.fixes import OPERATIONS, Step
from arc_protocol.patterns.media import actual_media_type
from arc_protocol.patterns.operators import named
from arc_protocol.patterns.paths import Location, Path
from arc_protocol.patterns.structure import is_image, stray_reasoning
from arc_protocol.patterns.values import LIST, MAPPING, copied

Repair = TypeVar("Repair", bound=Callable[..., Any])

REPAIRS: Dict[str, Callable[..., Any]] = {}
"""Every repair by name; called as `repair(value, **arguments)`."""

_LABEL = re.compile("[a-zA-Z0-9_-]{1,64}")

STUB = "[no result: the tool call was not completed]"


def repair(function: Repair) -> Repair:
    """Register a repair under the name of its function."""
    REPAIRS[function.__name__] = function
    return function


def _compile(argument: object, path: Path, where: str) -> Step:
    name, given = named(argument, where, REPAIRS)
    function = REPAIRS[name]
    arguments = bind(function, given, f"{where}.{name}")

    def step(edit: Edit, base: Location) -> None:
        for location, value in edit.find(path, base):
            edit.put(location, function(value, **arguments), chosen=False)

    return step


OPERATIONS["repair"] = _compile


@repair
def tool_pairs(
    messages: Any, *, orphan: Literal["drop", "text"] = "drop", stub: str = STUB
) -> object:
    """Give every tool call its result and every result its call.

    A result that stands in the wrong place is moved to its call; a call without any gets the stub.
    Results without a call are dropped, or become text of the user.
    """
    pairing = pair(messages_of(messages))
    if not pairing.orphans and not pairing.unanswered:
        return messages
    late = {place.id: _at(messages, place) for place in reversed(pairing.orphans)}
    answers: Dict[int, List[Any]] = {}
    moved = []
    for index, call in pairing.unanswered:
        if call.id in late:
            moved.append(call.id)
        answers.setdefault(index, []).append(late.pop(call.id, None) or call.answer(stub))
    stray: Dict[int, List[Place]] = {}
    for place in pairing.orphans:
        stray.setdefault(place.message, []).append(place)
    kept = [
        (index, one)
        for index, message in enumerate(messages)
        for one in _without(message, stray.get(index, []), moved if orphan == "text" else None)
    ]
    return _with_answers(kept, answers)


def _at(messages: Any, place: Place) -> Any:
    message = messages[place.message]
    return message if place.block is None else blocks(message)[place.block]


def _without(message: Any, stray: List[Place], moved: Optional[List[str]]) -> List[Any]:
    """Return the message without stray results, as text if they are not moved; or nothing."""
    if not stray:
        return [message]
    as_text = {place.block for place in stray if moved is not None and place.id not in moved}
    if stray[0].block is None:
        text = text_of(message.get("content", message.get("output")))
        return [{"role": "user", "content": text}] if as_text else []
    gone = {place.block for place in stray}
    content = [
        text_block(text_of(block), message) if at in as_text else block
        for at, block in enumerate(blocks(message))
        if at in as_text or at not in gone
    ]
    return [{**message, content_key(message): content}] if content else []


def _with_answers(messages: List[Tuple[int, Any]], answers: Dict[int, List[Any]]) -> List[Any]:
    """Put the answers to the calls of a message where the provider looks for them."""
    done: List[Any] = []
    waiting: List[Any] = []
    for index, message in [*messages, (-1, None)]:
        if waiting and _whole(waiting[0]):
            if not _whole(message):
                done += waiting
                waiting = []
        elif waiting:
            if role_of(message) == "user":
                message = _with_blocks(message, waiting)
            else:
                done.append({"role": "user", content_key(done[-1]): waiting})
            waiting = []
        if message is not None:
            done.append(message)
            waiting = waiting + answers.get(index, [])
    return done


def _whole(result: object) -> bool:
    """Tell whether this is a tool result as a message or an item of its own."""
    return role_of(result) == "tool" or str(kind(result)).endswith("_output")


def _with_blocks(message: Any, added: List[Any]) -> Any:
    """Add result blocks to a message, after those that it has at its start."""
    content = as_blocks(message)
    at = len([place for n, place in enumerate(results(message)) if place.block == n])
    return {**message, content_key(message): [*content[:at], *added, *content[at:]]}


@repair
def consecutive_roles(
    messages: Any, *, role: Optional[str] = None, separator: str = "\n\n"
) -> object:
    """Join neighbouring messages of one role, or of the given role only; tool messages stay."""
    joined: List[Any] = []
    for message in messages_of(messages):
        mine = role_of(message)
        if (
            joined
            and isinstance(mine, str)
            and mine == role_of(joined[-1])
            and mine in ((role,) if role else (mine,))
            and mine not in TOOL_ROLES
        ):
            joined[-1] = _join(joined[-1], message, separator)
        else:
            joined.append(message)
    return joined if isinstance(messages, LIST) else messages


def _join(first: Any, second: Any, separator: str) -> Any:
    key = content_key(first)
    content: object = [*as_blocks(first), *as_blocks(second)]
    present = [content for content in (first.get(key), second.get(key)) if content]
    if all(isinstance(text, str) for text in present):
        content = separator.join(present) if present else first.get(key)
    joined = {**second, **first, key: content}
    tool_calls = [*messages_of(first.get("tool_calls")), *messages_of(second.get("tool_calls"))]
    return {**joined, "tool_calls": tool_calls} if tool_calls else joined


@repair
def mixed_turns(messages: Any, *, bridge: Json) -> object:
    """Split a message with tool results and text in two, with a message between them."""
    split: List[Any] = []
    for message in messages_of(messages):
        own = {place.block for place in results(message)}
        others = [block for at, block in enumerate(blocks(message)) if at not in own]
        if own - {None} and others:
            key = content_key(message)
            answers = [block for at, block in enumerate(blocks(message)) if at in own]
            split += [{**message, key: answers}, copied(bridge), {**message, key: others}]
        else:
            split.append(message)
    return split if isinstance(messages, LIST) else messages


@repair
def tool_results_first(messages: Any) -> object:
    """Put the tool results of a message before its other blocks."""
    return _each_message(messages, _results_first)


def _results_first(message: Any) -> Any:
    own = {place.block for place in results(message)} - {None}
    found = list(enumerate(blocks(message)))
    if not own or own == set(range(len(own))):
        return message
    ordered = [block for at, block in found if at in own]
    ordered += [block for at, block in found if at not in own]
    return {**message, content_key(message): ordered}


@repair
def images_to_user(messages: Any) -> object:
    """Move images that are not in a user message to a user message of their own after it."""
    moved: List[Any] = []
    waiting: List[Any] = []
    for message in [*messages_of(messages), None]:
        if waiting and role_of(message) != "tool":
            moved.append({"role": "user", "content": waiting})
            waiting = []
        if message is None:
            break
        images = (
            [] if role_of(message) in ("user", None) else list(filter(is_image, blocks(message)))
        )
        if images:
            waiting = waiting + images
            rest = [block for block in blocks(message) if not is_image(block)]
            message = {**message, "content": rest or ""}
        moved.append(message)
    return moved if isinstance(messages, LIST) else messages


@repair
def reasoning_items(items: Any) -> object:
    """Drop reasoning items that are not followed by what they belong to."""
    stray = stray_reasoning(items)
    return [item for at, item in enumerate(items) if at not in stray] if stray else items


@repair
def media_types(messages: Any) -> object:
    """Say of each base64 image what its first bytes show."""
    return _each_message(messages, _with_media_types)


def _with_media_types(message: Any) -> Any:
    if not any(actual_media_type(block) for block in blocks(message)):
        return message
    content = [
        {**block, "source": {**block["source"], "media_type": actual_media_type(block)}}
        if actual_media_type(block)
        else block
        for block in blocks(message)
    ]
    return {**message, content_key(message): content}


@repair
def prefill(messages: Any, *, instruction: str) -> object:
    """Turn a last assistant message, the start of a reply, into an instruction to the user.

    `{prefill}` in the instruction stands for its text.
    """
    found = list(messages_of(messages))
    if not found or role_of(found[-1]) not in ("assistant", "model") or calls(found[-1]):
        return messages
    begun = found.pop()
    key = content_key(begun)
    text = instruction.replace("{prefill}", text_of(begun.get(key)))
    whole = isinstance(begun.get(key), str)
    asked = {"role": "user", key: text if whole else [text_block(text, begun)]}
    last = next((at for at in reversed(range(len(found))) if role_of(found[at]) == "user"), None)
    if last is None:
        return [*found, asked]
    found[last] = _join(found[last], asked, "\n\n")
    return found


@repair
def responses_tool(tool: Any) -> object:
    """Turn a tool of Chat Completions into one of the Responses API."""
    function = tool.get("function") if isinstance(tool, MAPPING) else None
    if not isinstance(function, MAPPING) or "name" in tool:
        return tool
    return {**{key: inner for key, inner in tool.items() if key != "function"}, **function}


@repair
def json_schema_format(value: Any, *, name: str = "response") -> object:
    """Wrap a bare JSON Schema as Chat Completions wants it in `response_format`."""
    if not isinstance(value, MAPPING) or value.get("type") != "object":
        return value
    title = value.get("title")
    label = title if isinstance(title, str) and _LABEL.fullmatch(title) else name
    return {"type": "json_schema", "json_schema": {"name": label, "schema": dict(value)}}


def _each_message(messages: Any, change: Callable[[Any], Any]) -> object:
    return [change(message) for message in messages] if isinstance(messages, LIST) else messages
