"""Limits that errors state: bounds of numbers, lengths of texts and lists, room for tokens."""

from __future__ import annotations

import re
from typing import Any, Iterator, List, NamedTuple, Optional

from arc_protocol.cures.places import Place, place_of
from arc_protocol.cures.view import Cure, View, strong, weak
from arc_protocol.patterns.values import LIST, Number, is_number

_N = r"[\"'`]?(?<!\d)(?<!\d\.)(-?\d{1,12}(?:,\d{3}){0,4}(?:\.\d{1,12})?)"
_GAP = r"(?:[ :]+\w+){0,4}?[ :]+(?:is |of |to |at |be )?"

_RANGES = (
    rf"between {_N}[\"'`]?(?: \(\w+\))? and {_N}(?: \((exclusive)\))?",
    rf"(?:range|from|values?|interval)[\w ]{{0,40}}?:? {_N}(?: \(\w+\))? (?:to|through|"
    rf"and) {_N}(?: \((exclusive)\))?",
    rf"([\[(]){_N} ?(?:,|\.\.\.?|-|:) ?{_N}([\])])",
    rf"{_N} ?<=? ?\w+ ?(<=?) ?{_N}",
)
_HIGHS = (
    rf"(?:<=|≤) ?{_N}",
    rf"{_N} (?:or (?:less|fewer|lower|smaller|below)|max(?:imum)?\b)",
    rf"(?:at most|up to|no (?:more|greater|longer|larger) than|less than or equal to|"
    rf"less or equal to|lower than or equal to|smaller than or equal to){_GAP}{_N}",
    rf"(?:not|cannot|can't) (?:be )?(?:exceed|greater than|larger than|more than|above|over|"
    rf"longer than){_GAP}{_N}",
    rf"(?:maximum|max|limit|longest|exceeds?|exceeded|exceeding)(?: \w+){{0,8}}?(?:[ :]+(?:is|"
    rf"of|to|be|at|at most))?[ :]+{_N}",
    rf"(?<![\d.])-?[\d.]{{1,20}} > {_N}",
)
_BELOW = (rf"(?:less than|below|lower than|smaller than|<) ?{_N}",)
_LOWS = (
    rf"(?:>=|≥) ?{_N}",
    rf"{_N} or (?:more|greater|higher|larger|above)",
    rf"(?:at least|no (?:less|fewer|lower) than|greater than or equal to|greater or equal to|"
    rf"larger than or equal to|higher than or equal to){_GAP}{_N}",
    rf"(?:not|cannot|can't) (?:be )?(?:less than|below|lower than|smaller than|under){_GAP}{_N}",
    rf"(?:minimum|min)(?: \w+){{0,8}}?(?:[ :]+(?:is|of|to|be))?[ :]+{_N}",
    rf"(?<![\d.])-?[\d.]{{1,20}} < {_N}",
)
_ABOVE = (rf"(?:greater than|above|higher than|larger than|more than|>) ?{_N}",)
_POSITIVE = r"strictly positive|must be positive|positive (?:integer|number)"
_NOT_NEGATIVE = r"non-?negative|not be negative"
_ONE_ALONE = r"only (?:one|a single) (?!of\b)"

OUTPUT_LIMITS = [
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "maxOutputTokens",
    "maxTokens",
    "max_tokens_to_sample",
    "max_new_tokens",
    "max_gen_len",
]
"""Names of the parameter that limits the length of a reply."""

_SPARE_TOKENS = 64
"""Providers count a few tokens around the messages that they do not report."""


class _Bounds(NamedTuple):
    low: Optional[Number] = None
    high: Optional[Number] = None
    above: Optional[Number] = None
    """A bound that the value itself must not reach, as `below` is."""
    below: Optional[Number] = None


def output_limit(request: Any) -> Optional[Place]:
    """Return the parameter that limits the length of the reply, if the request has it."""
    return next(
        (place for name in OUTPUT_LIMITS for place in [place_of(name, request)] if place), None
    )


def context_room(view: View) -> Iterator[Cure]:
    """Prompt and reply together are longer than the model's context: shorten the reply's limit."""
    place = output_limit(view.request)
    if place is None or not is_number(place.value) or not view.says("token|context|length"):
        return
    sum_ = view.says(rf"{_N} \+ \d+ > {_N}")
    window = (
        view.says(rf"\+ \d+ > {_N}")
        or view.says(rf"\+ [`'\"]?max_\w+[`'\"]? must be <= ?{_N}")
        or view.says(
            rf"(?:context (?:length|window|limit|size)|maximum (?:input|sequence) length|"
            rf"limit)(?: of the model)?"
            rf"(?: is| of|:|) (?:only )?{_N}"
        )
        or view.says(rf"> {_N}(?: \(?(?:maximum|context|limit))?")
    )
    prompt = (
        sum_
        or view.says(
            rf"{_N}(?: \w+)?,? (?:tokens? )?(?:in|from|of) (?:the |your )?(?:messages|prompt|"
            rf"input|text)"
        )
        or view.says(rf"{_N} [`'\"]?(?:input|prompt|message)s?[`'\"]? tokens")
        or view.says(
            rf"(?:prompt|messages|input)(?: \w+){{0,3}}? (?:contains?|has|is|"
            rf"length:?)(?: at least)? {_N}"
        )
        or view.says(rf"{_N} \+ [`'\"]?max_\w+[`'\"]?")
        or view.says(rf"resulted in {_N} tokens")
    )
    if window is None or prompt is None:
        yield from _quota(view, place)
        return
    size, used = _number(window[1]), _number(prompt[1])
    room = int(size - used)
    if size < 256 or room < 1 or room >= place.value + _SPARE_TOKENS:
        return
    high = room - _SPARE_TOKENS if room > 2 * _SPARE_TOKENS else max(1, room // 2)
    yield strong(
        {place.path: {"clamp": {"high": high}}},
        f"{int(size)} tokens are allowed, of which the prompt takes {int(used)}",
    )


def _quota(view: View, place: Place) -> Iterator[Cure]:
    """A request that asks for more tokens than its quota grants at once."""
    quota = view.says(rf"limit:? {_N},? (?:used:? \d+, )?requested:? {_N}")
    if quota is None:
        return
    granted, asked = _number(quota[1]), _number(quota[2])
    prompt = asked - place.value if asked > place.value else granted / 2
    if asked > granted and granted - prompt >= 1:
        yield weak(
            {place.path: {"clamp": {"high": int(granted - prompt)}}},
            f"{int(asked)} tokens were asked for, {int(granted)} are granted at once",
        )


def room_asked_for(view: View) -> Iterator[Cure]:
    """The reply had no room: the words ask for a higher limit."""
    place = output_limit(view.request)
    said = view.says(
        r"(?:higher|larger|greater|bigger|increased?|increasing|raise|raising)(?: the| value of|"
        r" value for| limit (?:of|for))* [`'\"]?max_\w+"
    )
    if said and place is not None and is_number(place.value):
        low = max(ANSWER_LENGTH, int(2 * place.value))
        yield strong({place.path: {"clamp": {"low": low}}}, f'"{said[0]}"')


ANSWER_LENGTH = 4096
"""Tokens that most replies fit in."""


def conditional(view: View) -> Iterator[Cure]:
    """Beyond a number something else is asked for: stay below it."""
    said = view.says(
        rf"[`'\"]?(\w+)[`'\"]? ?(?:>|above|greater than|larger than|over|exceeding|beyond) {_N}"
        rf".{{0,60}}\b(?:must|requires?|only|needs?)\b"
    )
    place = place_of(said[1], view.request) if said else None
    if said and place is not None and is_number(place.value) and place.value > _number(said[2]):
        yield strong({place.path: {"clamp": {"high": _number(said[2])}}}, f'"{said[0]}"')


def limits(view: View) -> Iterator[Cure]:
    """A value is beyond a bound that the words state."""
    if view.says("context (?:length|window)|prompt is too long|tokens per minute|rate limit"):
        return
    for bounds in _bounds(view):
        for place in _bounded(view):
            fix = _within(view, place, bounds)
            if fix is not None:
                yield strong({place.path: fix}, f"the limit that is stated for {place.path}")
                return


def _bounded(view: View) -> List[Place]:
    places = view.subjects
    if view.says("(?:completion|output|max|maximum|new|generated)[ _]tokens"):
        limit = output_limit(view.request)
        places = [*places, limit] if limit else places
    if view.says("stop[ _]?sequences|stop words"):
        found = [
            place_of(name, view.request) for name in ("stop", "stop_sequences", "stopSequences")
        ]
        places = [*places, *(place for place in found if place)]
    if view.says(r"\b(?:tools|functions|function declarations)\b"):
        places = [*places, *(place for place in [place_of("tools", view.request)] if place)]
    return places


def _bounds(view: View) -> Iterator[_Bounds]:
    text = re.sub(r"\bzero\b", "0", view.low)
    for pattern in _RANGES:
        for match in re.finditer(pattern, text):
            numbers = [_number(one) for one in match.groups() if one and re.search(r"\d", one)]
            if len(numbers) == 2 and numbers[0] < numbers[1]:
                marks = [one for one in match.groups() if one and not re.search(r"\d", one)]
                yield _range(numbers[0], numbers[1], marks)
                return
    for patterns, field in ((_HIGHS, "high"), (_LOWS, "low"), (_BELOW, "below"), (_ABOVE, "above")):
        for pattern in patterns:
            for match in re.finditer(pattern, text):
                yield _Bounds()._replace(**{field: _number(match[1])})
    if re.search(_POSITIVE, text):
        yield _Bounds(above=0)
    if re.search(_NOT_NEGATIVE, text):
        yield _Bounds(low=0)
    if re.search(_ONE_ALONE, text):
        yield _Bounds(high=1)


def _range(low: Number, high: Number, marks: List[str]) -> _Bounds:
    """Tell which ends of a range belong to it."""
    bounds = _Bounds(above=low) if "(" in marks and ")" not in marks else _Bounds(low=low)
    if any(one in ("exclusive", ")", "<") for one in marks) and marks != ["(", ")"]:
        return bounds._replace(below=high)
    return bounds._replace(high=high)


def _within(view: View, place: Place, bounds: _Bounds) -> Optional[Any]:
    """Return the operation that keeps a value within bounds; None when it is within them."""
    value = place.value
    if is_number(value):
        step = 1 if isinstance(value, int) and value != 0 else 0.01
        if place.name in OUTPUT_LIMITS or (isinstance(bounds.below, int) and bounds.below > 10):
            step = 1
        low = bounds.low if bounds.above is None else bounds.above + step
        high = bounds.high if bounds.below is None else bounds.below - step
        if (low is not None and value < low) or (high is not None and value > high):
            return {"clamp": {k: v for k, v in (("low", low), ("high", high)) if v is not None}}
        return None
    high = bounds.high if bounds.below is None else bounds.below - 1
    if high is None or high < 1 or not isinstance(high, int):
        return None
    if isinstance(value, LIST) and len(value) > high and place.name not in _NOT_TO_CUT:
        return {"limit": {"max": high, "keep": "called"} if place.name == "tools" else high}
    if isinstance(value, str) and len(value) > high and view.says("length|long|character|string"):
        if place.root in _TEXTS and place.name != "description":
            return None
        return {"truncate": high}
    return None


_TEXTS = ("messages", "input", "tools", "contents", "prompt", "system", "model", "toolConfig")
_NOT_TO_CUT = ("messages", "contents", "input")


def _number(text: str) -> Any:
    number = float(text.replace(",", ""))
    return int(number) if number.is_integer() else number
