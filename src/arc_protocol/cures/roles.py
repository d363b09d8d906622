"""Errors about who speaks: roles that are refused, and the order in which speakers must come."""

from __future__ import annotations

import re
from typing import Any, Iterator, List, Optional

from arc_protocol.cures.conversations import histories
from arc_protocol.cures.view import Cure, View, strong
from arc_protocol.patterns.conversation import blocks, content_key, role


def roles(view: View) -> Iterator[Cure]:
    """A role that the words refuse, or an order of roles that they ask for."""
    for path, messages in histories(view):
        used = [role(message) for message in messages]
        yield from _refused_roles(view, path, used)
        first_must_be_user = view.says(
            r"first (?:message|content|turn)|(?:start|"
            r"begin) with (?:an? )?(?:message with )?(?:role )?[\"'`]?user"
        )
        if first_must_be_user and next((one for one in used if one != "system"), "user") != "user":
            opening = {
                "role": "user",
                content_key(messages[0]): _texts(messages[0], "(conversation start)"),
            }
            yield strong({path: {"prepend": opening}}, f'"{first_must_be_user[0]}"')
        ends = view.says(
            r"prefill|(?:end|last)\w* (?:with|message|role|turn)[\w ,]*[\"'`]?user|"
            r"last (?:role|message)"
        )
        if ends and used[-1] in ("assistant", "model"):
            yield from _endings(view, path, ends[0])


def _texts(like: Any, text: str) -> Any:
    key = content_key(like)
    if key == "parts" or (
        blocks(like) and isinstance(blocks(like)[0], dict) and "type" not in blocks(like)[0]
    ):
        return [{"text": text}]
    return text


def _endings(view: View, path: str, said: str) -> Iterator[Cure]:
    if view.says(r"\bprefix"):
        yield strong({f"{path}[-1].prefix": True}, f'"{said}"')
    instruction = "Begin your reply with exactly: {prefill}"
    yield strong({path: {"repair": {"prefill": {"instruction": instruction}}}}, f'"{said}"')


def _unlisted_roles(view: View, path: str, used: List[object]) -> Iterator[Cure]:
    """The words list the roles that there are: others get the name that means the same."""
    listed = _listed(view)
    if listed is None or len({"user", "assistant", "model"} & set(listed)) < 1 or len(listed) < 2:
        return
    for mine in dict.fromkeys(one for one in used if isinstance(one, str) and one not in listed):
        same = next((one for pair in _SAME_ROLE if mine in pair for one in pair if one != mine), "")
        if same in listed:
            fix = {"each": {"where": {"role": mine}, "fix": {"role": same}}}
            yield strong({path: fix}, f"{mine} is no role here, {same} is")


_SAME_ROLE = (("assistant", "model"), ("system", "developer"), ("function", "tool"))


def _refused_roles(view: View, path: str, used: List[object]) -> Iterator[Cure]:
    yield from _unlisted_roles(view, path, used)
    if not view.says(r"role|(?:system|developer) (?:message|instruction|prompt)"):
        return
    if not view.says(
        r"not (?:be )?(?:support|allow|accept|permit|enabled|valid)|unexpected|unsupported|"
        r"invalid|unknown|only .{0,40}(?:support|allow|accept)|"
        r"one of|input should be|must be|unrecogni"
    ):
        return
    named = [one for one in ("system", "developer") if one in used]
    refused = [
        one for one in named if re.search(rf"\b{one}\b", view.low) and not _allowed(view, one)
    ]
    if not refused and named and view.says(r"messages[\[.\d\]*]*\.role|\broles?\b"):
        refused = [one for one in named if not _allowed(view, one)]
    if not refused:
        return
    where = {"role": {"in": refused}}
    because = f"the role {refused[0]} is not accepted"
    if view.says(r"top-level [`'\"]?system|[`'\"]system[`'\"] parameter"):
        yield strong({path: {"hoist": {"where": where, "to": "system"}}}, because)
    if refused == ["developer"]:
        yield strong({path: {"each": {"where": where, "fix": {"role": "system"}}}}, because)
    to_user = {"each": {"where": where, "fix": {"role": "user"}}}
    joined = {"repair": {"consecutive_roles": {"role": "user"}}}
    yield strong({path: {"chain": [to_user, joined]}}, because)


def _allowed(view: View, name: str) -> bool:
    """Tell whether the words list a role among those that may be used."""
    return name in (_listed(view) or ())


def _listed(view: View) -> Optional[List[str]]:
    word = r"[\"'`]?\w+[\"'`]?"
    some = rf"({word}(?:(?:, and |, or |, | or | and ){word})+)"
    listed = view.says(
        r"(?:one of|should be|must be|allowed|supported values?(?: are)?|expected|valid roles?)"
        rf"(?: are)?[: ]*[\[({{]?{some}"
    ) or view.says(rf"\bonly (?:the )?{some} roles")
    if listed is None:
        return None
    return re.findall(r"\w+", re.sub(r"\b(?:and|or)\b", "", listed[1].lower()))


def instructions_to_user(view: View) -> Iterator[Cure]:
    """Instructions that the model does not take."""
    said = view.says(
        r"(?:developer|system)[ _](?:instruction|prompt|message)\w* (?:is|are) not "
        r"(?:enabled|supported|allowed)|"
        r"(?:does not|doesn't|do not|don't) (?:support|accept|allow) (?:a )?system[ _]"
        r"(?:instruction|prompt|message)"
    )
    for path, to in _INSTRUCTIONS:
        holder = view.request.get("config") if path.startswith("config.") else view.request
        if said and isinstance(holder, dict) and path.split(".")[-1] in holder:
            yield strong({path: {"move_text": to}}, f'"{said[0]}"')


_INSTRUCTIONS = (
    ("config.system_instruction", "contents"),
    ("systemInstruction", "contents"),
    ("system_instruction", "contents"),
    ("system", "messages"),
    ("instructions", "input"),
)
"""Fields that hold instructions, and the conversations beside them."""
