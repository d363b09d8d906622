"""Named structural tests: questions about messages and schemas that no operator can ask.

One function is one test; its name is the name in the language, its keyword arguments are its
schema. A test answers false for a value of a shape that it does not know.
"""

from __future__ import annotations

from typing import Callable, Dict, FrozenSet, List, Mapping, Optional

from arc_protocol.patterns import schemas
from arc_protocol.patterns.conversation import (
    TOOL_ROLES,
    blocks,
    calls,
    content_key,
    kind,
    messages_of,
    pair,
    results,
    role,
)
from arc_protocol.patterns.media import actual_media_type
from arc_protocol.patterns.values import MAPPING, is_json, same

StructuralTest = Callable[..., bool]

_TESTS: Dict[str, StructuralTest] = {}

STRUCTURAL_TESTS: Mapping[str, StructuralTest] = _TESTS
"""Every structural test by name; called as `test(value, **arguments)`."""


def structural_test(test: StructuralTest) -> StructuralTest:
    """Register a test under the name of its function."""
    _TESTS[test.__name__] = test
    return test


@structural_test
def orphan_tool_result(messages: object) -> bool:
    """Some tool result has no call that it answers."""
    return bool(pair(messages_of(messages)).orphans)


@structural_test
def unanswered_tool_call(messages: object) -> bool:
    """Some tool call has no result where the provider looks for it."""
    return bool(pair(messages_of(messages)).unanswered)


@structural_test
def consecutive_same_role(messages: object) -> bool:
    """Two neighbouring messages have the same role; those of tools may."""
    roles = [role(message) for message in messages_of(messages)]
    return any(
        mine == next_ and isinstance(mine, str) and mine not in TOOL_ROLES
        for mine, next_ in zip(roles, roles[1:])
    )


@structural_test
def user_directly_after_tool(messages: object) -> bool:
    """A user message follows a tool message without an assistant message between."""
    roles = [role(message) for message in messages_of(messages)]
    return ("tool", "user") in zip(roles, roles[1:])


@structural_test
def function_call_turn_not_after_user(messages: object) -> bool:
    """A model turn with a function call comes first, or after another model turn."""
    roles = [role(message) for message in messages_of(messages)]
    return any(
        role(message) == "model" and calls(message) and (at == 0 or roles[at - 1] == "model")
        for at, message in enumerate(messages_of(messages))
    )


@structural_test
def empty_content_not_final(messages: object) -> bool:
    """A message before the last one has an empty text or no blocks as its content."""
    return any(
        isinstance(message, MAPPING) and _is_empty(message.get(content_key(message)))
        for message in messages_of(messages)[:-1]
    )


@structural_test
def unknown_message_keys(messages: object, *, allowed: FrozenSet[str]) -> bool:
    """Some message has a key that is not among the allowed ones."""
    return any(
        isinstance(message, MAPPING) and not message.keys() <= frozenset(allowed)
        for message in messages_of(messages)
    )


@structural_test
def assistant_without_key(messages: object, *, key: str) -> bool:
    """Some assistant message lacks a key."""
    return any(
        isinstance(message, MAPPING) and role(message) == "assistant" and key not in message
        for message in messages_of(messages)
    )


@structural_test
def many_assistant_turns(messages: object, *, min: int) -> bool:
    """The conversation has at least so many assistant messages."""
    return sum(role(message) == "assistant" for message in messages_of(messages)) >= min


@structural_test
def tool_result_mixed_with_text(messages: object) -> bool:
    """Some message has tool results and text beside them."""
    return any(
        any(isinstance(block, MAPPING) and "text" in block for block in blocks(message))
        for message in messages_of(messages)
        if results(message)
    )


@structural_test
def tool_result_after_other_blocks(messages: object) -> bool:
    """Some tool result does not stand before all other blocks of its message."""
    return any(
        place.block != at
        for message in messages_of(messages)
        for at, place in enumerate(results(message))
        if place.block is not None
    )


@structural_test
def image_part_outside_user_role(messages: object) -> bool:
    """A message of another role than user has an image."""
    return any(
        is_image(block)
        for message in messages_of(messages)
        if role(message) not in ("user", None)
        for block in blocks(message)
    )


def is_image(block: object) -> bool:
    """Tell whether a content block is an image as the OpenAI APIs write it."""
    return kind(block) in ("image_url", "input_image")


@structural_test
def image_media_type_mismatch(messages: object) -> bool:
    """Some base64 image says another media type than its first bytes."""
    return any(
        actual_media_type(block) is not None
        for message in messages_of(messages)
        for block in blocks(message)
    )


@structural_test
def document_without_text(messages: object) -> bool:
    """Some message has a document and no text beside it."""
    return any(
        any("document" in block for block in found)
        and not any(block.get("text") for block in found)
        for found in (_mappings(blocks(message)) for message in messages_of(messages))
    )


@structural_test
def reasoning_item_without_follower(items: object) -> bool:
    """Some reasoning item is not followed by the message or call that it belongs to."""
    return bool(stray_reasoning(messages_of(items)))


def stray_reasoning(items: object) -> List[int]:
    """Return the indices of the reasoning items that nothing of the model follows."""
    stray: List[int] = []
    follower = False
    for at in range(len(messages_of(items)) - 1, -1, -1):
        item = messages_of(items)[at]
        if kind(item) != "reasoning":
            follower = role(item) in ("assistant", None) and not str(kind(item)).endswith("_output")
        elif not follower:
            stray.append(at)
    return stray


@structural_test
def tool_use_turn_without_thinking(messages: object) -> bool:
    """The assistant turn of the running tool loop does not start with its thinking block."""
    found = messages_of(messages)
    if not found or not results(found[-1]):
        return False
    turn = next((one for one in reversed(found) if role(one) == "assistant"), None)
    return bool(calls(turn)) and kind(blocks(turn)[0]) not in ("thinking", "redacted_thinking")


@structural_test
def duplicate_values(values: object, *, key: Optional[str] = None) -> bool:
    """Two elements of a list are equal, or equal in one key."""
    if key is None:
        found = list(messages_of(values))
    else:
        found = [one[key] for one in _mappings(values) if key in one]
    texts = [one for one in found if type(one) is str]
    others = [one for one in found if type(one) is not str]
    return len(set(texts)) < len(texts) or any(
        is_json(one) and any(same(one, other) for other in others[:at])
        for at, one in enumerate(others)
    )


@structural_test
def strict_schema_incomplete(schema: object) -> bool:
    """Some object in the schema is open, or has a property that is not required."""
    return any(not schemas.is_complete(node) for node, _ in schemas.nodes(schema))


@structural_test
def schema_node_without_type(schema: object) -> bool:
    """Some schema within the schema does not say what it accepts."""
    return any(
        depth and not any(keyword in node for keyword in schemas.SAYS_TYPE)
        for node, depth in schemas.nodes(schema)
    )


@structural_test
def schema_uses(schema: object, *, keywords: FrozenSet[str]) -> bool:
    """Some node of the schema has one of the keywords; names of properties are none."""
    return any(not node.keys().isdisjoint(keywords) for node, _ in schemas.nodes(schema))


@structural_test
def schema_union_at_top(schema: object) -> bool:
    """The schema itself is a union or an intersection of schemas."""
    return isinstance(schema, MAPPING) and any(key in schema for key in schemas.UNIONS)


@structural_test
def string_format_not_in(schema: object, *, allowed: FrozenSet[str]) -> bool:
    """Some string in the schema has a format that is not among the allowed ones."""
    return any(
        "string" in schemas.types(node) and "format" in node and node["format"] not in allowed
        for node, _ in schemas.nodes(schema)
    )


@structural_test
def array_without_items(schema: object) -> bool:
    """Some array in the schema does not describe its elements."""
    return any(
        "array" in schemas.types(node) and "items" not in node and "prefixItems" not in node
        for node, _ in schemas.nodes(schema)
    )


@structural_test
def non_string_enum(schema: object) -> bool:
    """Some enumeration in the schema has values that are no strings."""
    return any(
        not isinstance(value, str)
        for node, _ in schemas.nodes(schema)
        for value in messages_of(node.get("enum"))
    )


def _is_empty(content: object) -> bool:
    return (
        content == ""
        if isinstance(content, str)
        else isinstance(content, (list, tuple)) and not content
    )


def _mappings(values: object) -> List[Mapping[str, object]]:
    return [one for one in messages_of(values) if isinstance(one, MAPPING)]
