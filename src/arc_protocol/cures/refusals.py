"""Parameters that errors refuse: another one takes their place, or none does."""

from __future__ import annotations

import re
from typing import Any, Iterator, List, Optional, Tuple

from arc_protocol.cures.places import FOLDERS, Place, path_of, place_of, snake
from arc_protocol.cures.view import Cure, View, strong, weak
from arc_protocol.patterns.policy import refusal
from arc_protocol.patterns.values import MAPPING, is_number

_REFUSED = (
    r"not (?:currently |yet |be )*(?:support(?:ed)?|permitted|allowed|available|enabled|"
    r"recogni[sz]ed|"
    r"valid|accepted|compatible|possible|implemented|defined|specified|used|set|provided|combined)"
    r"|(?:do|does|did|is|are|has|was)n'?t (?:been )?(?:support|accept|allow|recogni[sz]e|"
    r"permit|take|enable|available)"
    r"|does not (?:support|accept|allow|recogni[sz]e|permit|take)|do not (?:support|accept|allow)"
    r"|unsupported|unrecogni[sz]ed|unknown|unexpected|extraneous|extra (?:inputs?|fields?)|"
    r"extra_forbidden"
    r"|cannot find field|(?:cannot|can't|can not|may not|must not|should not) (?:be|use|both|"
    r"set|have|specify)"
    r"|deprecated|no longer|been removed|invalid (?:parameter|argument|field|property|key|name)"
    r"|only (?:be )?(?:supported|allowed|available|valid|used|set|specified|applicable|when|if|"
    r"with)"
    r"|additional properties|reserved|disabled|forbidden|prohibited|incompatible|"
    r"mutually exclusive|no such|not found|must be (?:unset|omitted|removed|absent|disabled)|"
    r"(?:set|specified|provided|used|given) without|(?:please |and |or )?(?:remove|omit|unset) "
)
_INSTEAD = (
    r"\b(?:use|try|set|specify|pass|provide|send|with|to|in favou?r of|replaced (?:by|with)|"
    r"superseded by|renamed (?:to|as)|did you mean|migrate to|switch to|instead)\b:?"
    r"(?: the| using)?(?: new(?:er)?)?(?: parameter| field| argument| key| option| property)?"
    r" [\"'`]?([A-Za-z_$][\w.]*)[\"'`]?"
)
_BOTH = (
    r"both|mutually exclusive|only one of|at the same time|simultaneously|together|"
    r"either .{1,40} or|(?:combined|used|specified|set) (?:with|alongside)|conflicts? with|"
    r"in combination"
)

_ESSENTIAL = ("model", "modelId", "messages", "contents", "input", "prompt", "tools", "toolConfig")
_DEPENDENTS = {
    "stream": ("stream_options",),
    "logprobs": ("top_logprobs",),
    "tools": ("tool_choice", "parallel_tool_calls"),
}
"""Parameters that make no sense without another one."""


def replacement(view: View) -> Iterator[Cure]:
    """The words name what to use instead."""
    if not view.says(_REFUSED + "|use|instead|renamed|replaced|did you mean|in favou?r"):
        return
    old = _refused(view)
    if old is None:
        return
    for match in re.finditer(_INSTEAD, view.text, re.IGNORECASE):
        new = match[1].rstrip(".")
        if match.start(1) and view.text[match.start(1) - 1] == "/":
            continue
        cure = _replaced(view, old, new)
        if cure is not None:
            yield cure
            return


def _replaced(view: View, old: Place, new: str) -> Optional[Cure]:
    steps = new.split(".")
    if isinstance(old.value, str) and len(steps) > 1:
        # `thinking.type.enabled` instead of `thinking.type.adaptive`: another variant of the
        # object; the members of the old one belong to that
        names = [snake(step) for step in old.steps]
        if [snake(step) for step in steps[:-1]] == names and steps[-1] != old.value:
            holder = ".".join(old.steps[:-1])
            because = f"{old.path} must be {steps[-1]}"
            if holder:
                return strong({holder: {"set": {old.name: steps[-1]}}}, because)
            return strong({old.path: steps[-1]}, because)
    parameter = "_" in new or re.search(r"[a-z][A-Z]", new) or _quoted(view.text, new)
    if not parameter or snake(new) == snake(old.name) or old.root in _ESSENTIAL:
        return None
    if place_of(new, view.request) is not None:
        return None
    if len(steps) > 1:
        moved = re.search(rf"[\"'`]?{re.escape(new)}(?![\w./])", view.text)
        return strong({old.path: {"move": new}}, f"{new} instead of {old.path}") if moved else None
    if isinstance(old.value, str) and old.value in view.text and "_" not in new:
        return strong({old.path: {"map": {old.value: new}}}, f"{new} instead of {old.value}")
    return strong({old.path: {"rename": new}}, f"{new} instead of {old.path}")


def _quoted(text: str, name: str) -> bool:
    return re.search(rf"[\"'`“]{re.escape(name)}[\"'`”]", text) is not None


def _refused(view: View) -> Optional[Place]:
    return next((place for place in view.subjects if _removable(place)), None)


def refused(view: View) -> Iterator[Cure]:
    """A parameter is not accepted as it is: leave it out."""
    verdict = view.says(_REFUSED)
    if verdict is None:
        return
    places = [place for place in view.subjects if _removable(place)]
    if len(places) > 1 and view.says(_BOTH) and view.param is None:
        yield from _one_of_two(places)
        return
    for at, place in enumerate(places[:3]):
        make = strong if at == 0 else weak
        because = f'"{verdict[0]}" is said of {place.path}'
        if place.name == "tool_choice" and place.value not in ("auto", None):
            yield make(
                {place.path: "auto" if isinstance(place.value, str) else _auto(place)}, because
            )
        if place.name in ("reasoning_effort", "effort") and place.value != "none":
            yield weak({place.path: "none"}, because)
        yield make(_without(view, place), because)


def advised(view: View) -> Iterator[Cure]:
    """The words say what to leave out or to turn off."""
    for said in re.finditer(
        r"\b(?:remove|omit|unset|disable|drop|turn off|leave out)(?: the)? [\"'`]?([\w.]+)",
        view.text,
        re.IGNORECASE,
    ):
        place = place_of(said[1].rstrip("."), view.request)
        if place is not None and _removable(place):
            yield strong(_without(view, place), f'"{said[0]}"')
            return


def switched_off(view: View) -> Iterator[Cure]:
    """What cannot be turned off is turned off."""
    said = view.says(
        r"(?:cannot|can't|can not|must not|may not) be (?:disabled|turned off|switched off)|"
        r"mandatory|only works? (?:in|with) \w+ mode|must be (?:enabled|turned on)"
    )
    for place in view.subjects if said else ():
        if said and _removable(place) and _is_off(place.value):
            yield strong(_without(view, place), f'"{said[0]}" is said of {place.path}')
            return


def _is_off(value: Any) -> bool:
    if isinstance(value, MAPPING):
        return any(map(_is_off, value.values()))
    return value in (False, 0, "none", "off", "disabled")


def emptied(view: View) -> Iterator[Cure]:
    """A list that must not be empty is: leave it out."""
    said = view.says(
        r"too short|empty (?:array|list|object)|(?:must|should|can)(?: ?not|n't) be (?:an )?empty|"
        r"at least (?:1|one) (?:item|element|tool)|non-?empty|min(?:imum)? ?(?:items|length)"
    )
    for place in view.subjects if said else ():
        if said is None or not isinstance(place.value, (list, tuple, dict)) or place.value:
            continue
        because = f'"{said[0]}", and {place.path} is empty'
        holder, _, key = place.path.rpartition("[*].")
        if holder and "." not in key and "[" not in holder:
            gone = {"each": {"where": {key: {"count": 0}}, "fix": {key: None}}}
            yield strong({holder: gone}, because)
        elif place.root not in ("messages", "contents", "input", "prompt"):
            yield strong(_without(view, place), because)
        return


def blank_stops(view: View) -> Iterator[Cure]:
    """Stop sequences must not be white space alone."""
    said = view.says(r"whitespace|white space|blank|empty")
    for name in ("stop", "stop_sequences", "stopSequences"):
        place = place_of(name, view.request)
        listed = place.value if place is not None and isinstance(place.value, list) else []
        blank = any(isinstance(one, str) and not one.strip() for one in listed)
        if said and view.says("stop") and place is not None and blank:
            drop = {"drop": {"where": {".": {"matches": r"^\s*$"}}}}
            yield strong({place.path: drop}, f'"{said[0]}"')


def schema_formats(view: View) -> Iterator[Cure]:
    """Replies by a schema are refused: ask for JSON as such."""
    place = place_of("response_format", view.request)
    schema = isinstance(place.value, MAPPING) and place.value.get("type") if place else None
    said = view.says(_REFUSED)
    if place and said and schema == "json_schema" and view.says("json_schema|structured output"):
        if view.says(r"invalid schema|in context|keyword"):
            return  # it is the schema that is refused
        plain = {place.path: {"set": {"type": "json_object"}}}
        yield strong(plain, f'"{said[0]}" is said of json_schema')


def blamed(view: View) -> Iterator[Cure]:
    """A parameter is complained of in words that say nothing else: it may have to go."""
    for place in [place for place in view.subjects if _removable(place)][:2]:
        yield weak(_without(view, place), f"the error names {place.path}")


def _auto(place: Place) -> Any:
    kind = place.value.get("type") if isinstance(place.value, MAPPING) else None
    return {"set": {"type": "auto"}} if kind in ("tool", "any") else "auto"


def _one_of_two(places: List[Place]) -> Iterator[Cure]:
    first, second = places[:2]
    if refusal({second.path: None}, "safe") and not refusal({first.path: None}, "safe"):
        first, second = second, first  # the one that matters less goes
    because = f"{first.path} and {second.path} exclude each other"
    yield strong({second.path: None}, because)
    yield weak({first.path: None}, because)


def _without(view: View, place: Place) -> Any:
    fix = {path_of(_alone(view.request, place)): None}
    for name in _DEPENDENTS.get(place.name, ()):
        if name in view.request:
            fix[name] = None
    return fix


def _alone(request: Any, place: Place) -> Tuple[str, ...]:
    """Return the object that holds nothing but the place, which would be left empty, or itself."""
    steps = place.steps
    while len(steps) > 1 and "[*]" not in steps and steps[-2] not in (*FOLDERS, *_ESSENTIAL):
        holder = request
        for step in steps[:-1]:
            holder = holder[step]
        if len(holder) > 1:
            break
        steps = steps[:-1]
    return steps


def _removable(place: Place) -> bool:
    if place.root not in _ESSENTIAL:
        return True
    inside = len(place.steps) - place.steps.index(place.root)
    if place.root in ("messages", "input", "contents", "tools"):
        return inside > 2 and place.name not in _OF_MESSAGES
    return place.root == "toolConfig" and inside > 1 and place.name not in _OF_MESSAGES


_OF_MESSAGES = frozenset(
    [
        "role",
        "content",
        "parts",
        "type",
        "text",
        "id",
        "call_id",
        "tool_call_id",
        "tool_calls",
        "name",
        "function",
        "arguments",
        "output",
        "description",
        "parameters",
        "input_schema",
        "inputSchema",
        "json",
        "tools",
        "toolSpec",
        "function_declarations",
        "functionDeclarations",
    ]
)
"""What messages and tools consist of: never left out because of a word in an error."""


def relations(view: View) -> Iterator[Cure]:
    """One number must be greater or less than another one."""
    match = view.says(
        r"(?:greater|larger|more|higher|less|smaller|lower|fewer|"
        r"exceed)(?: than)?(?P<equal> or equal to)?|(?P<sign>[<>]=?)"
    )
    numbers = [place for place in view.subjects if is_number(place.value)]
    numbers.sort(key=lambda place: view.low.find(place.name.lower()))
    if match is None or len(numbers) < 2:
        return
    left, right = numbers[:2]
    denied = view.says(r"(?:not|cannot|can't|never) (?:be )?(?:greater|larger|more|higher|exceed)")
    less = re.match(r"less|smaller|lower|fewer|<", match[0], re.IGNORECASE) or denied
    greater, smaller = (right, left) if less else (left, right)
    if greater.value > smaller.value or (match["equal"] and greater.value == smaller.value):
        return
    because = f"{greater.path} must be greater than {smaller.path}"
    plus = {"field": smaller.path, "plus": _ROOM_FOR_REPLY}
    more = strong({greater.path: {"clamp": {"low": plus}}}, because)
    less_than = {"field": greater.path, "plus": 0 if match["equal"] else -1}
    fewer = strong({smaller.path: {"clamp": {"high": less_than}}}, because)
    if "token" not in snake(greater.name):
        yield fewer
        return
    # a budget of thinking is part of the whole; any other number yields to the one it is about
    budget = re.search("budget|thinking|reasoning", snake(smaller.path))
    yield from (fewer, more) if less and not budget else (more, fewer)


_ROOM_FOR_REPLY = 1024
"""Tokens for the reply itself where a limit counts the thinking too."""
