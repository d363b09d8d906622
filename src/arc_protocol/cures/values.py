"""Values that errors name: the only ones allowed, the type expected, what must be there."""

from __future__ import annotations

import re
from typing import Any, Iterator, List, Optional

from arc_protocol.cures.limits import ANSWER_LENGTH, OUTPUT_LIMITS
from arc_protocol.cures.places import FOLDERS, Place, place_of, snake
from arc_protocol.cures.view import Cure, View, strong, weak
from arc_protocol.patterns.values import LIST, MAPPING, is_number

_LEVELS = ("none", "off", "minimal", "low", "medium", "high", "xhigh", "max")
"""Levels as providers name them, from less to more."""

_ALIKE = (
    {"required", "any"},
    {"assistant", "model"},
    {"system", "developer"},
    {"function", "tool"},
    {"none", "off", "disabled"},
    {"json", "json_object"},
)
"""Words by which different providers mean the same."""

_DEFAULT_ONLY = (
    r"only (?:the |its )?default|default value only|(?:other than|except) (?:the )?default|"
    r"non-default|must be (?:the |its )?default|set to (?:the |its )?default"
)
_ONE = r"[\"'`][^\"'`\s]{1,64}[\"'`]|-?\d+(?:\.\d+)?|true|false|none|null"
_VALUE = rf"({_ONE})(?![\w.]*\w| ?,? ?(?:or |and |\| ?)?(?:{_ONE}))"
"""A value that is not the first one of several."""
_ONLY = (
    rf"only {_VALUE} (?:is|are) (?:allowed|supported|permitted|accepted|valid)",
    rf"(?:must|should|has to|needs to) (?:always )?be (?:set to |equal to |exactly )?{_VALUE}",
    rf"(?:only supports?|supports? only|only accepts?|accepts? only|"
    rf"only allows?) (?:the value )?{_VALUE}",
    rf"only (?:be )?(?:set to )?{_VALUE}(?: for| when| if| while|\.|$)",
    rf"(?:please )?set [\w\"'`.]+ (?:to|=) ?{_VALUE}",
    rf"expected (?:value )?{_VALUE}(?:,| but|$)",
    rf"to be (?:set to )?{_VALUE}",
)
_LIST_OF = re.compile(
    r"(?:must be|should be|expected|supported values?|allowed values?|valid values?|valid options|"
    r"possible values|permitted values?|permitted|one of|either|choose from|input should be|"
    r"expected (?:tags?|values?)|"
    r"available values|accepted values|supports?|options)(?: are| is)?(?: one of|"
    r" either)?(?: the following)?"
    r"[: ]*[\[({]?((?:[\"'`][^\"'`\n]{1,64}[\"'`](?: |,|or|and|\||/)*){2,})",
    re.IGNORECASE,
)
_LONE = re.compile(
    r"\b(?:supported|allowed|valid|permitted|accepted|possible) "
    r"(?:values?|options?)(?: are| is)?:? "
    r"[\"'`]([^\"'`\n]{1,64})[\"'`]",
    re.IGNORECASE,
)
_BARE_LIST = re.compile(
    r"(?:one of|values are|values:|options are|options:)[: ]*[\[({]?((?:[\w.-]{1,32}(?:, | or |"
    r" and |, or |, and |\||/)){1,12}[\w.-]{1,32})",
    re.IGNORECASE,
)


def only_default(view: View) -> Iterator[Cure]:
    """The words allow nothing but the default, or one value."""
    if view.says(_DEFAULT_ONLY):
        for place in _settable(view)[:1]:
            yield strong({place.path: None}, f"only the default of {place.path} is allowed")
        return
    for pattern in _ONLY:
        match = view.says(pattern)
        if match is None:
            continue
        value = _literal(match[1])
        for place in _settable(view):
            if type(place.value) is not type(value) and not (
                is_number(place.value) and is_number(value)
            ):
                continue
            if place.value != value:
                yield strong({place.path: value}, f"{place.path} must be {match[1]}")
                return


_ASSIGNED = (
    rf"[\"'`]?([\w.\[\]]+)[\"'`]? (?:must|should|has to|needs to) (?:always )?be (?:one of the "
    rf"following: |set to |equal to |exactly )?{_VALUE}",
    r"[\"'`]?([\w.\[\]]+)[\"'`]? must be one of the following: (\w+)\.?$",
    rf"requires? [\"'`]?([\w.]+)[\"'`]? (?:to be (?:set to )?|set to |= ?){_VALUE}",
    rf"\bset [\"'`]?([\w.]+)[\"'`]? ?(?:to|=) ?{_VALUE}",
    rf"(?:must|should|needs to) (?:have|set) [\"'`]?([\w.]+)[\"'`]? ?(?:=|to) ?{_VALUE}",
)
_TURNED_ON = (
    r"(?:please |must |should )(?:enable|turn on|activate) (?:the )?[\"'`]?(\w+)",
    r"[\"'`]?(\w+)[\"'`]? (?:must|should|needs to|has to) be (?:enabled|turned on|activated)",
)
_ALONE = frozenset(["stream", "logprobs", "store", "seed", "temperature", "n", "think", "echo"])
"""Parameters of one plain word that a sentence may set although the request lacks them."""


def assigned(view: View) -> Iterator[Cure]:
    """The words give a parameter its value; it may be one that the request lacks."""
    said = [(match[1], match[2]) for match in map(view.says, _ASSIGNED) if match]
    said += [(match[1], "true") for match in map(view.says, _TURNED_ON) if match]
    if view.says(r"only supports? stream|stream(?:ing)? (?:mode )?is required|streaming only"):
        said.append(("stream", "true"))
    for name, text in said:
        value, because = _literal(text), f"{name} must be {text}"
        place = place_of(name, view.request)
        last = re.split(r"[.\[\]]+", name.rstrip("]"))[-1]
        if place is not None:
            if place.value != value and _is_settable(place) and _alike(place.value, value):
                yield strong({place.path: value}, because)
        elif last == "type" and "." in name:
            holder = place_of(name.rpartition(".")[0], view.request)
            if holder is not None and isinstance(holder.value, MAPPING):
                yield strong({f"{holder.path}.type": {"default": value}}, because)
        elif "." not in name and ("_" in name or name in _ALONE) and value is not None:
            yield strong({name: value}, because)


def _alike(old: Any, new: Any) -> bool:
    """Tell whether a value may take the place of another one, which may be null."""
    same = type(old) is type(new) or (is_number(old) and is_number(new))
    return same or old is None or (isinstance(old, (str, bool)) and isinstance(new, bool))


def allowed_values(view: View) -> Iterator[Cure]:
    """The words list what is allowed."""
    match = _LIST_OF.search(view.text) or _LONE.search(view.text)
    allowed: List[Any]
    if match is not None:
        allowed = re.findall(r"[\"'`]([^\"'`\n]{1,64})[\"'`]", match[1]) or [match[1]]
    else:
        match = _BARE_LIST.search(view.text)
        if match is None:
            return
        allowed = re.split(r",? (?:or|and) |, |\||/", match[1])
    for place in _settable(view):
        if isinstance(place.value, str) and place.value not in allowed:
            near = allowed[0] if len(allowed) == 1 else _nearest(place.value, allowed)
            because = f"{place.path} must be one of {', '.join(allowed)}"
            if near is not None:
                yield strong({place.path: {"map": {place.value: near}}}, because)
            elif "[*]" not in place.steps:
                yield strong({place.path: None}, because)
            if "[*]" not in place.steps and near is None:
                yield weak({place.path: {"map": {place.value: allowed[0]}}}, because)
            return
        numbers = [float(one) for one in allowed if re.fullmatch(r"-?\d+(?:\.\d+)?", one)]
        if is_number(place.value) and numbers and place.value not in numbers:
            value = place.value
            near_number = min(numbers, key=lambda one: abs(one - value))
            fit: Any = int(near_number) if near_number.is_integer() else near_number
            yield strong({place.path: fit}, f"{place.path} must be one of {', '.join(allowed)}")
            return


def _nearest(value: str, allowed: List[str]) -> Optional[str]:
    """Return the allowed value that means nearly the same; None when none does."""
    same = next((one for one in allowed if snake(one) == snake(value)), None)
    if same is not None:
        return same
    meaning = next((one for one in allowed for words in _ALIKE if {one, value} <= words), None)
    if meaning is not None:
        return meaning
    levels = [one for one in allowed if one in _LEVELS]
    if value in _LEVELS and levels:
        at = _LEVELS.index(value)
        # between two that are equally far the lower level: it costs less
        near = min(levels, key=lambda one: (abs(_LEVELS.index(one) - at), _LEVELS.index(one)))
        usual = next((one for one in allowed if one in ("default", "auto")), None)
        return usual if usual and abs(_LEVELS.index(near) - at) > 2 else near
    return next((one for one in allowed if value in one or one in value), None)


def _settable(view: View) -> List[Place]:
    return [place for place in view.subjects if _is_settable(place)]


def _is_settable(place: Place) -> bool:
    return place.root not in (
        *("model", "modelId", "messages", "contents", "input", "prompt", "system"),
    )


_TYPES = {
    r"integer|int\b|i32|i64|u32|u64|whole number": "integer",
    r"number|float|f32|f64|decimal|double|numeric": "number",
    r"string|str\b": "string",
    r"bool(?:ean)?": "boolean",
    r"array|list|sequence": "array",
}
_EXPECTED = (
    r"(?:expected|expects|must be|should be|needs to be|has to be|not of type|is not|"
    r"required type:?)"
    r"(?: an?| of type| type| one of| a valid| an valid)* [\"'`]?({})"
)


def types(view: View) -> Iterator[Cure]:
    """A value is of another type than the words ask for."""
    for pattern, kind in _TYPES.items():
        expected = view.says(_EXPECTED.format(pattern))
        if expected is None:
            continue
        for place in view.subjects:
            fix = _converted(place, kind)
            if fix is not None:
                yield strong({place.path: fix}, f"{place.path} must be of type {kind}")
                return
    if view.says(r"\b(?:null|none|nonetype)\b"):
        yield from _nulls(view)


def _converted(place: Place, kind: str) -> Optional[Any]:
    value = place.value
    if kind == "array":
        scalar = isinstance(value, (str, int, float)) and place.root != "messages"
        return [value] if scalar else None
    if isinstance(value, str) and kind in ("integer", "number"):
        return {"convert": kind} if re.fullmatch(r" *-?\d+(?:\.\d+)? *", value) else None
    if isinstance(value, float) and kind == "integer":
        return {"convert": kind} if value.is_integer() else int(value)
    if isinstance(value, str) and kind == "boolean":
        return {"convert": kind} if value.lower() in ("true", "false") else None
    if isinstance(value, (int, float)) and kind == "string":
        return {"convert": kind}
    return None


def _nulls(view: View) -> Iterator[Cure]:
    for place in view.subjects:
        if place.value is not None:
            continue
        because = f"{place.path} must not be null"
        if place.name == "content" and place.root in ("messages", "input"):
            empty = {
                "each": {
                    "where": {"content": None, "role": {"!=": "assistant"}},
                    "fix": {"content": ""},
                }
            }
            yield strong({place.root: empty}, because)
        else:
            yield strong({place.path: None}, because)
        return


_NAME = r"(?<!\w)([a-zA-Z]{1,24}(?:_[a-zA-Z0-9]{1,24}){1,5})(?!\w)"
"""A parameter that no quotes tell from a plain word."""
_MISSING = (
    r"missing (?:a |the )?(?:required )?(?:\w+ )?[\"'`]([\w.\[\]]+)[\"'`]",
    r"missing (?:a |the )?required (?:\w+:? ){0,2}[\"'`]?([\w.\[\]]+)",
    r"required (?:property|field|parameter|argument|key) [\"'`]([\w.\[\]]+)[\"'`]",
    r"[\"'`]([\w.\[\]]+)[\"'`] is (?:a )?required",
    r"(?<![\w.])([\w.\[\]]{1,80}): (?:this )?field (?:is )?required",
    _NAME + r" is (?:a )?required",
    _NAME + r"[\"'`]? (?:must|should|needs to) be (?:set|specified|provided|defined|"
    r"passed back|included|present)",
    r"(?:must|should) (?:provide|specify|include|set|contain|pass)(?: an?| the)? [\"'`]?" + _NAME,
    r"requires? (?:an? |the )?[\"'`]?" + _NAME,
)


def missing(view: View) -> Iterator[Cure]:
    """Something that the words ask for is not there."""
    absent = "missing" in str(view.error.type).lower() or view.says("field required")
    names = [match[1] for match in map(view.says, _MISSING) if match]
    if absent and view.error.param:
        names.insert(0, view.error.param)
    for name in dict.fromkeys(names):
        last = re.split(r"[.\[\]]+", name.rstrip("]"))[-1]
        if view.says(r"(?:assistant|message)\b") and _in_messages(view, last):
            each = {"each": {"where": {"role": "assistant"}, "fix": {last: {"default": ""}}}}
            yield strong({"messages": each}, f"assistant messages must have {last}")
            return
        if place_of(name, view.request) is not None:
            continue
        stated = view.says(
            rf"{re.escape(last)}\W+(?:must |should )?(?:be )?(?:set )?(?:to|be|=) {_VALUE}"
        )
        if stated is not None:
            yield strong({name: {"default": _literal(stated[1])}}, f"{name} must be {stated[1]}")
        elif last in OUTPUT_LIMITS:
            yield weak({name: {"default": ANSWER_LENGTH}}, f"{name} is required")
        elif last == "type" and re.search(r"tool", name):
            yield from _tool_types(view)


def _tool_types(view: View) -> Iterator[Cure]:
    for path in ("messages[*].tool_calls[*].type", "tools[*].type"):
        if path.split("[", 1)[0] in str(view.error.param or view.text):
            yield strong({path: {"default": "function"}}, "tools and their calls need a type")
            return


def _in_messages(view: View, key: str) -> bool:
    messages = view.request.get("messages")
    return (
        isinstance(messages, LIST)
        and re.fullmatch(r"\w+_\w+", key) is not None
        and any(
            isinstance(one, MAPPING) and one.get("role") == "assistant" and key not in one
            for one in messages
        )
        and key not in view.request
        and not any(key in (view.request.get(f) or ()) for f in FOLDERS)
    )


def _literal(text: str) -> Any:
    bare = text.strip("\"'`")
    words = {"true": True, "false": False, "null": None}
    if bare.lower() in words and (bare == text or bare.lower() != "null"):
        return words[bare.lower()]
    if re.fullmatch(r"-?\d+(?:\.\d+)?", bare):
        number = float(bare)
        return int(number) if number.is_integer() else number
    return bare
