"""Errors about the order and the form of messages, and the repairs that answer them.

A repair is proposed only where the structural test says that the request has the fault: the words
choose among the faults that are there.
"""

from __future__ import annotations

import re
from typing import Any, Iterator, List, NamedTuple, Tuple

from arc_protocol.cures.view import Cure, Fix, View, strong
from arc_protocol.patterns.conversation import (
    blocks,
    content_key,
    kind,
    messages_of,
    text_of,
)
from arc_protocol.patterns.structure import STRUCTURAL_TESTS

HISTORIES = ("messages", "input", "contents")


class _Repair(NamedTuple):
    words: str
    """What errors about this fault say."""
    tests: Tuple[str, ...]
    """Structural tests of which one must hold."""
    repair: Any
    """Operation on the list of messages."""


_CALLS = (
    r"tool[_ -]?(?:calls?|use)|function[_ -]?(?:calls?|response)|tool[_ -]?results?|toolresult|"
    r"tool_call_id"
)
_REPAIRS = (
    _Repair(
        r"tool_results?\W.*(?:beginning|begin with|first|start)|must (?:begin|"
        r"start) with.*tool_result",
        ("tool_result_after_other_blocks",),
        {"repair": "tool_results_first"},
    ),
    _Repair(
        r"same turn|cannot be (?:provided|mixed|combined).*(?:turn|message)|mix(?:ed|ing)?.*tool",
        ("tool_result_mixed_with_text",),
        {
            "repair": {
                "mixed_turns": {"bridge": {"role": "assistant", "content": [{"text": "Noted."}]}}
            }
        },
    ),
    _Repair(
        _CALLS,
        ("orphan_tool_result", "unanswered_tool_call"),
        {"repair": "tool_pairs"},
    ),
    _Repair(
        r"alternat|consecutive|successive|same role|comes immediately after|"
        r"multiple .{0,20}messages|in a row",
        ("consecutive_same_role", "function_call_turn_not_after_user"),
        {"repair": "consecutive_roles"},
    ),
    _Repair(
        r"reasoning|following item|required.*item",
        ("reasoning_item_without_follower",),
        {"repair": "reasoning_items"},
    ),
    _Repair(r"image", ("image_part_outside_user_role",), {"repair": "images_to_user"}),
    _Repair(
        r"media[ _]?type|image/\w+|mime", ("image_media_type_mismatch",), {"repair": "media_types"}
    ),
    _Repair(
        r"after (?:a )?(?:role )?[\"'`]?tool|[\"'`]?user[\"'`]? after|unexpected role",
        ("user_directly_after_tool",),
        {
            "insert_between": {
                "after": {"role": "tool"},
                "before": {"role": "user"},
                "item": {"role": "assistant", "content": "Noted."},
            }
        },
    ),
)


def histories(view: View) -> Iterator[Tuple[str, List[Any]]]:
    """Yield each list of messages in the request with its parameter."""
    for path in HISTORIES:
        messages = view.request.get(path)
        if messages_of(messages):
            yield path, list(messages_of(messages))


def repairs(view: View) -> Iterator[Cure]:
    """The words name a fault of the history that it has."""
    for path, messages in histories(view):
        for one in _REPAIRS:
            found = view.says(one.words)
            if found and any(STRUCTURAL_TESTS[test](messages) for test in one.tests):
                yield strong({path: one.repair}, f'"{found[0]}", and the {path} show it')


def empty_contents(view: View) -> Iterator[Cure]:
    """Messages or blocks without text."""
    said = view.says(
        r"non-?empty|\bempty\b|\bblank\b|whitespace|minimum length|too short|at least 1 char|"
        r"length greater than or equal to 1|either [\"'`]?content|must have (?:some )?content"
    )
    if said is None:
        return
    because = f'"{said[0]}"'
    for path, messages in histories(view):
        key = next(
            (content_key(message) for message in messages if content_key(message)), "content"
        )
        trailing = view.says("trailing whitespace")
        if trailing and text_of(messages[-1].get(key)) != text_of(messages[-1].get(key)).rstrip():
            yield strong({f"{path}[-1].{key}": {"strip": "right"}}, because)
        empty: Any = {key: {"matches": r"^\s*$"}}
        if any("tool_calls" in one for one in _mappings(messages)):
            empty["tool_calls"] = {"exists": False}
        if any(_is_silent(one, key) for one in _mappings(messages)):
            merged = {"repair": "consecutive_roles"}
            yield strong({path: {"chain": [{"drop": {"where": empty}}, merged]}}, because)
        if any(_is_blank(block) for message in messages for block in blocks(message)):
            typed = any("type" in b for m in messages for b in blocks(m) if isinstance(b, dict))
            stand_in = {"type": "text", "text": "."} if typed else {"text": "."}
            drop = {"drop": {"where": {"text": {"matches": r"^\s*$"}}, "if_emptied": [stand_in]}}
            yield strong({f"{path}[*].{key}": drop}, because)


def _is_silent(message: Any, key: str) -> bool:
    text = message.get(key)
    return isinstance(text, str) and not text.strip() and "tool_calls" not in message


def _mappings(values: List[Any]) -> List[Any]:
    return [one for one in values if isinstance(one, dict)]


def _is_blank(block: Any) -> bool:
    text = block.get("text") if isinstance(block, dict) else None
    return isinstance(text, str) and not text.strip()


def extra_keys(view: View) -> Iterator[Cure]:
    """Keys of messages that the words refuse: those that the words name."""
    for path, messages in histories(view):
        names = {
            str(key)
            for one in _mappings(messages)
            for key in one
            if key not in _OWN and re.search(rf"[\"'`]{re.escape(str(key))}[\"'`]", view.text)
        }
        if names and view.says(
            "unsupported|not (?:allowed|permitted|supported)|unknown|unexpected|extra"
        ):
            fix: Fix = {f"{path}[*].{name}": None for name in sorted(names)}
            yield strong(fix, f"messages must not have {', '.join(sorted(names))}")


_OWN = frozenset(
    [
        "role",
        "content",
        "parts",
        "name",
        "tool_calls",
        "tool_call_id",
        "type",
        "id",
        "call_id",
        "output",
    ]
)


def words_asked_for(view: View) -> Iterator[Cure]:
    """The messages must contain a word."""
    asked = view.says(
        r"must (?:contain|include|have|mention) the (?:word|string|term) [\"'`]?(\w+)"
    )
    if asked is None:
        return
    for path, _ in histories(view):
        text = f"Answer in {asked[1].upper()}." if asked[1].lower() == "json" else asked[1]
        if path == "input" and isinstance(view.request.get("instructions"), str):
            path = "instructions"
            yield strong({path: {"append_text": {"text": text}}}, f'"{asked[0]}"')
            return
        op = {"append_text": {"text": text, "role": ["system", "user"]}}
        yield strong({path: op}, f'"{asked[0]}"')


def cache_marks(view: View) -> Iterator[Cure]:
    """More marks for the prompt cache than allowed."""
    said = view.says(r"maximum of (\d+) blocks? with cache_control|cache_control\D{0,40}(\d+)")
    if said is not None:
        most = int(said[1] or said[2])
        marks = {"limit_marks": {"max": most, "last_of": ["tools", "system"]}}
        yield strong({"**.cache_control": marks}, f'"{said[0]}"')


def bedrock_tools(view: View) -> Iterator[Cure]:
    """Tool calls in the history ask for the tools themselves."""
    if view.says(r"toolConfig (?:field )?must be (?:defined|provided|set)"):
        yield strong({"toolConfig": {"tools_from": "messages"}}, "toolConfig must be defined")


def thoughts(view: View) -> Iterator[Cure]:
    """Earlier thinking in the history is refused: leave it out."""
    said = view.says(
        r"[\"'`]?(?:redacted_)?thinking[\"'`]? blocks?|reasoning (?:blocks?|content block)"
    )
    refused = view.says(r"invalid|unexpected|unsupported|not (?:be )?(?:support|allow|modif|valid)")
    for path, messages in histories(view):
        kinds = {str(kind(block)) for message in messages for block in blocks(message)} & _THOUGHTS
        if said and refused and kinds:
            drop = {"drop": {"where": {"type": {"in": sorted(_THOUGHTS)}}}}
            yield strong({f"{path}[*].{content_key(messages[0])}": drop}, f'"{said[0]}"')


_THOUGHTS = frozenset(["thinking", "redacted_thinking"])
