"""Errors about names of tools and ids of their calls that must have another form."""

from __future__ import annotations

import re
from typing import Any, Iterator, List, Tuple

from arc_protocol.cures.places import hits
from arc_protocol.cures.view import Cure, View, strong
from arc_protocol.errors import PatternError
from arc_protocol.patterns.naming import compile_shape
from arc_protocol.patterns.regex import compile_search

_NAMES: Tuple[Tuple[str, List[str]], ...] = (
    (
        "tools[*].function.name",
        [
            "messages[*].tool_calls[*].function.name",
            "messages[*].name",
            "tool_choice.function.name",
        ],
    ),
    (
        "functions[*].name",
        ["messages[*].function_call.name", "messages[*].name", "function_call.name"],
    ),
    ("tools[*].name", ["messages[*].content[*].name", "input[*].name", "tool_choice.name"]),
    (
        "tools[*].function_declarations[*].name",
        ["contents[*].parts[*].function_call.name", "contents[*].parts[*].function_response.name"],
    ),
    (
        "tools[*].functionDeclarations[*].name",
        ["contents[*].parts[*].functionCall.name", "contents[*].parts[*].functionResponse.name"],
    ),
    (
        "config.tools[*].function_declarations[*].name",
        ["contents[*].parts[*].function_call.name", "contents[*].parts[*].function_response.name"],
    ),
    ("toolConfig.tools[*].toolSpec.name", ["messages[*].content[*].toolUse.name"]),
    ("response_format.json_schema.name", []),
    ("text.format.name", []),
    ("messages[*].name", []),
)
"""Where names stand, and where else the same name is used."""
_PATTERN = r"\^\[[^\]\s]+\](?:\[[^\]\s]+\])?(?:\{\d+(?:,\d+)?\}|\+|\*)\$"


def names(view: View) -> Iterator[Cure]:
    """Names that must have another form."""
    if not view.says(r"\bname|pattern|alphanumeric|characters|regex"):
        return
    shape = _shape(view) or _plain(view)
    if shape is None:
        return
    for path, also in _NAMES:
        found = hits(path, view.request)
        used = [one for one in also if hits(one, view.request)]
        if any(isinstance(name, str) and not compile_shape(shape, "").fits(name) for name in found):
            allowed = {"allowed": shape, "also": used} if used else shape
            yield strong({path: {"sanitize": allowed}}, f"names must look like {shape}")


def _plain(view: View) -> Any:
    """Answer a pattern that no shape can be written for with the narrowest one that fits it."""
    written = re.search(r"[\"'`](\^.{1,80}\$)[\"'`]", view.text)
    if written is None or not view.says("match"):
        return None
    try:
        # of RE2, as a provider's words must not keep the caller's thread busy
        found = compile_search(written[1].replace("\\\\", "\\"), "the pattern")
    except PatternError:
        return None
    return _NARROW if found("a_b-9") else None


_NARROW = "^[a-zA-Z0-9_-]{1,64}$"


def _shape(view: View) -> Any:
    written = re.search(_PATTERN, view.text)
    if written is not None:
        text = re.sub(r"\\d", "0-9", re.sub(r"\\w", "a-zA-Z0-9_", written[0])).replace("\\", "")
        text = re.sub(r"(?:\+|\*)\$$", "{1,64}$", text)
    elif view.says(r"alphanumeric|a-z|letters|underscores?|function name"):
        length = view.says(r"(?:maximum|max|up to|most|than|under|exceed)\D{0,30}(\d{2,3})")
        most = int(length[1]) if length else 64
        first = "[a-zA-Z_]" if view.says(r"start with|begin with") else ""
        text = f"^{first}[a-zA-Z0-9_-]{{{0 if first else 1},{most - bool(first)}}}$"
    else:
        length = view.says(
            r"(?:maximum|max|at most)\D{0,30}length\D{0,10}(\d{1,3})|at most (\d{1,3}) characters"
        )
        if length is None or not view.says(r"\bname"):
            return None
        text = f"^[a-zA-Z0-9_-]{{1,{length[1] or length[2]}}}$"
    try:
        compile_shape(text, "")
    except PatternError:
        return None
    return text


def call_ids(view: View) -> Iterator[Cure]:
    """Ids of tool calls that must have another form."""
    if not view.says(r"tool[_ ]call[_ ]?ids?|tool_use[._]id|call_id|\bid\b"):
        return
    length = view.says(
        r"length (?:of |is |must be )?(\d{1,3})|(\d{1,3}) characters|maximum length (\d{1,3})"
    )
    written = re.search(_PATTERN, view.text)
    if written is not None:
        shape = re.sub(r"(?:\+|\*)\$$", "{1,64}$", written[0])
    elif length is not None:
        size = next(one for one in length.groups() if one)
        exact = view.says(r"length (?:of|is)|exactly|must be") and not view.says("max|at most")
        characters = "a-zA-Z0-9" if view.says("a-z") else "a-zA-Z0-9_-"
        shape = f"^[{characters}]{{{size if exact else f'1,{size}'}}}$"
    else:
        return
    for path, also in _IDS:
        found = [*hits(path, view.request), *hits(also, view.request)]
        try:
            fits = compile_shape(shape, "").fits
        except PatternError:
            return
        if any(isinstance(one, str) and not fits(one) for one in found):
            ids = {"allowed": shape, "also": [also]}
            yield strong({path: {"rewrite_ids": ids}}, f"ids of tool calls must look like {shape}")


_IDS = (
    ("messages[*].tool_calls[*].id", "messages[*].tool_call_id"),
    ("messages[*].content[*].id", "messages[*].content[*].tool_use_id"),
    ("messages[*].content[*].toolUse.toolUseId", "messages[*].content[*].toolResult.toolUseId"),
    ("input[*].call_id", "input[*].call_id"),
)
