"""Conversations as the providers write them: who speaks, with which texts, calls and results.

Five ways of writing tool calls are known: Chat Completions (`tool_calls` and messages of the role
`tool`), Responses (items of their own), and blocks inside messages as Anthropic, Bedrock and Gemini
have them. Anything else is an ordinary message.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from arc_protocol.patterns.values import LIST, MAPPING, is_json, type_name

Message = Mapping[str, Any]
Block = Dict[str, Any]

TOOL_ROLES = ("tool", "function")
"""Roles of messages that answer calls; several may follow each other."""


class Call(NamedTuple):
    """A tool call, and how its result is written."""

    id: str
    """What its result refers to; Gemini refers by name."""
    name: str
    answer: Callable[[str], Block]
    """Writes a result with the given text, as a block, an item or a message."""


class Place(NamedTuple):
    """Where a tool result is."""

    message: int
    block: Optional[int]
    """The index of the block in the message, or None when it is the message itself."""
    id: str


class Pairing(NamedTuple):
    """What does not fit together in a conversation."""

    unanswered: List[Tuple[int, Call]]
    """Calls without a result in the place where the provider looks for it, by message index."""
    orphans: List[Place]
    """Results without a call that they answer."""


def messages_of(value: object) -> Sequence[Any]:
    """Return the elements of a list, of messages or blocks; none when it is no list.

    Raises:
        ValueError: an element is no JSON, so nothing true can be said of the list.
    """
    if not isinstance(value, LIST):
        return ()
    for element in value:
        if not is_json(element):
            raise ValueError(f"a {type_name(element)} among the elements cannot be looked into")
    return value


def role(message: object) -> object:
    """Return who speaks, or None."""
    return message.get("role") if isinstance(message, MAPPING) else None


def kind(block: object) -> object:
    """Return the `type` of a block or item, or None."""
    return block.get("type") if isinstance(block, MAPPING) else None


def content_key(message: Message) -> str:
    """Return the key under which a message keeps its content."""
    return "parts" if "parts" in message else "content"


def blocks(message: object) -> Sequence[Any]:
    """Return the blocks of a message; none when its content is a text."""
    if not isinstance(message, MAPPING):
        return ()
    return messages_of(_known(message.get(content_key(message))))


def text_block(text: str, message: Message) -> Block:
    """Write a text as a block of the kind that the message already has."""
    others = blocks(message)
    if "parts" in message or (others and all(kind(other) is None for other in others)):
        return {"text": text}
    prefix = "input_" if any(str(kind(other)).startswith("input_") for other in others) else ""
    return {"type": f"{prefix}text", "text": text}


def as_blocks(message: Message) -> List[Any]:
    """Return the content of a message as blocks, also when it is a text."""
    content = _known(message.get(content_key(message)))
    if isinstance(content, LIST):
        return list(content)
    return [text_block(content, message)] if isinstance(content, str) and content else []


def text_of(content: object) -> str:
    """Return the text of a content, a block or a list of them."""
    if isinstance(content, str):
        return content
    if isinstance(content, LIST):
        return "\n\n".join(filter(None, map(text_of, content)))
    if isinstance(content, MAPPING):
        keys = ("text", "content", "output", "parts", "response", "result")
        return next(filter(None, (text_of(content.get(key)) for key in keys)), "")
    _known(content)
    return ""


def calls(message: object) -> List[Call]:
    """Return the tool calls in a message."""
    if not isinstance(message, MAPPING):
        return []
    found = [_read_call(block) for block in blocks(message)]
    if kind(message) in _ITEM_CALLS:
        found.append(_read_call(message))
    found += [_read_chat_call(call) for call in messages_of(message.get("tool_calls"))]
    return [call for call in found if call is not None]


def results(message: object, index: int = 0) -> List[Place]:
    """Return where the tool results in a message are."""
    if not isinstance(message, MAPPING):
        return []
    if role(message) == "tool":
        return [Place(index, None, str(message.get("tool_call_id")))]
    if kind(message) in _ITEM_CALLS.values():
        return [Place(index, None, str(message.get("call_id")))]
    found = [(at, _read_result(block)) for at, block in enumerate(blocks(message))]
    return [Place(index, at, id_) for at, id_ in found if id_ is not None]


def pair(messages: Sequence[Any]) -> Pairing:
    """Find the calls without results and the results without calls.

    Results belong into the tool messages directly after the call (Chat Completions), into the next
    message (blocks), or anywhere later (Responses).
    """
    anywhere = any(kind(item) in _ITEM_RESULTS for item in messages)
    unanswered: List[Tuple[int, Call]] = []
    orphans: List[Place] = []
    waiting: List[Tuple[int, Call]] = []
    for index, message in enumerate(messages):
        for place in results(message, index):
            answered = next((one for one in waiting if one[1].id == place.id), None)
            if answered is None:
                orphans.append(place)
            else:
                waiting.remove(answered)
        if not anywhere and role(message) != "tool":
            unanswered += waiting
            waiting = []
        waiting += [(index, call) for call in calls(message)]
    return Pairing(unanswered + waiting, orphans)


def _known(content: object) -> object:
    if not is_json(content):
        raise ValueError(f"a content that is a {type_name(content)} cannot be looked into")
    return content


_ITEM_CALLS = {
    "function_call": "function_call_output",
    "custom_tool_call": "custom_tool_call_output",
}
_ITEM_RESULTS = frozenset(_ITEM_CALLS) | frozenset(_ITEM_CALLS.values())

_NESTED = {
    "toolUse": ("toolResult", "toolUseId"),
    "function_call": ("function_response", "id"),
    "functionCall": ("functionResponse", "id"),
}
"""Calls in a member of their own: the member of the result, and the key of the id in both."""

_NESTED_RESULTS = dict(_NESTED.values())


def _read_call(block: object) -> Optional[Call]:
    if not isinstance(block, MAPPING):
        return None
    if kind(block) == "tool_use":
        id_ = str(block.get("id"))
        return Call(
            id_,
            str(block.get("name")),
            lambda text: {"type": "tool_result", "tool_use_id": id_, "content": text},
        )
    output = _ITEM_CALLS.get(str(kind(block)))
    if output is not None:
        id_ = str(block.get("call_id"))
        return Call(
            id_,
            str(block.get("name")),
            lambda text: {"type": output, "call_id": id_, "output": text},
        )
    for member, (result, id_key) in _NESTED.items():
        inner = block.get(member)
        if isinstance(inner, MAPPING):
            return _nested_call(inner, result, id_key)
    return None


def _nested_call(inner: Message, result: str, id_key: str) -> Call:
    name = str(inner.get("name"))
    if id_key == "toolUseId":
        id_ = str(inner.get(id_key))
        return Call(id_, name, lambda text: {result: {id_key: id_, "content": [{"text": text}]}})
    id_ = str(inner.get("id") or name)
    named = {"id": inner["id"], "name": name} if inner.get("id") else {"name": name}
    return Call(id_, name, lambda text: {result: {**named, "response": {"result": text}}})


def _read_chat_call(call: object) -> Optional[Call]:
    if not isinstance(call, MAPPING):
        return None
    function = call.get("function")
    id_ = str(call.get("id"))
    return Call(
        id_,
        str(function.get("name")) if isinstance(function, MAPPING) else "",
        lambda text: {"role": "tool", "tool_call_id": id_, "content": text},
    )


def _read_result(block: object) -> Optional[str]:
    if not isinstance(block, MAPPING):
        return None
    if kind(block) == "tool_result":
        return str(block.get("tool_use_id"))
    for member, id_key in _NESTED_RESULTS.items():
        inner = block.get(member)
        if isinstance(inner, MAPPING):
            return str(inner.get(id_key) or inner.get("name"))
    return None
