"""How far a fix reaches: what it does where, and the level that each of it needs.

Nothing is safe but what is listed here: a field or an operation that this file does not know needs
the level `all`.
"""

from __future__ import annotations

import re
from enum import Enum, IntEnum
from typing import Any, Dict, FrozenSet, Iterator, Mapping, NamedTuple, Optional, Tuple

from arc_protocol.patterns.fixes import operations
from arc_protocol.patterns.paths import EACH, Segment, parse_path
from arc_protocol.patterns.values import is_number

Place = Tuple[Segment, ...]


class Level(IntEnum):
    """How far a fix may reach; what one level allows, all higher ones do."""

    NONE = 0
    """Nothing."""
    SAFE = 1
    """Sampling and limits; removing and renaming parameters; repairs that leave text alone."""
    CONTENT = 2
    """Messages, instructions, tools and the form of the reply."""
    ALL = 3
    """Everything, also the model, where the request goes, and fields that Arc does not know."""


NOTHING: Tuple[object, ...] = ()
"""What an operation brings that only removes."""


class Need(NamedTuple):
    """One thing that a fix does."""

    level: Level
    """The least that allows it."""
    deed: str
    """What is done, such as `set`."""
    at: Place
    brings: Optional[Tuple[object, ...]] = None
    """The values that may be there afterwards and were not before; None when they are not known
    before there is a request."""
    whole: bool = True
    """Whether it also concerns what is below the place; an object that is merged leaves that."""

    def __str__(self) -> str:
        return f'{self.deed} "{show(self.at)}"'


class _Kind(Enum):
    """What an operation does to a place: the columns of the table."""

    NARROW = 0
    """Chooses nothing of its own."""
    STRUCTURE = 1
    """Leaves texts as they are."""
    CHOOSE = 2
    """Brings a value of its own."""


def _names(text: str) -> FrozenSet[str]:
    return frozenset(text.split())


_TUNING = _names(
    "temperature top_p top_k top_a min_p typical_p frequency_penalty presence_penalty "
    "repetition_penalty seed stop stop_sequences max_tokens max_completion_tokens "
    "max_output_tokens max_tokens_to_sample max_length min_tokens logprobs top_logprobs "
    "reasoning reasoning_effort thinking thinking_config output_config effort verbosity "
    "dimensions output_dimensionality encoding_format parallel_tool_calls"
)
"""Parameters that shape the reply, not what is asked."""
_CONTENT = _names(
    "messages input prompt suffix system instructions contents content system_instruction "
    "documents tools tool_config tool_choice functions function_call response_format text "
    "response_mime_type response_schema response_json_schema format prefix prefill truncation "
    "previous_response_id conversation message chat_history preamble inputs query texts image "
    "images audio file video mask"
)
_RESERVED = _names(
    "model models model_id engine deployment fallbacks route provider provider_options base_url "
    "api_base api_key headers extra_headers extra_body extra_query authorization server_url "
    "connector_id mcp_servers plugins data_sources web_search_options store stream background "
    "safety_settings guardrail_config guardrails moderation"
)
"""What decides who gets the request and what becomes of it; at any depth."""
_ADDRESSES = _names("server_url authorization headers connector_id base_url api_key mcp_servers")
"""What a value must not bring along, such as a tool's server."""
FOLDERS = _names(
    "config generation_config inference_config additional_model_request_fields options parameters"
)
"""Objects that hold parameters; their members count as if they stood at the top."""
_MARKS = _names("cache_control cache_point")
"""Fields within the content that a model does not see."""
_LABELS = _names("name id call_id tool_call_id tool_use_id")
"""Fields within the content that hold names and ids."""
_SCHEMA_TEXT = _names(
    "title description properties required items enum const default examples $ref $defs definitions"
)
"""Keywords of JSON Schema that tell a model something."""

_LEVELS: Dict[FrozenSet[str], Tuple[Level, Level, Level]] = {
    _TUNING: (Level.SAFE, Level.SAFE, Level.SAFE),
    _CONTENT: (Level.CONTENT, Level.SAFE, Level.CONTENT),
    _RESERVED: (Level.ALL, Level.ALL, Level.ALL),
    _MARKS: (Level.SAFE, Level.SAFE, Level.CONTENT),
}
"""The level for each kind of operation at a field of a group."""
_UNKNOWN = (Level.SAFE, Level.SAFE, Level.ALL)
_ANYWHERE = (Level.CONTENT, Level.CONTENT, Level.ALL)
"""Below a wildcard at the top there may be anything."""

_KINDS: Dict[str, _Kind] = {
    **dict.fromkeys(
        _names("remove clamp convert strip truncate limit dedupe drop keep_keys limit_marks"),
        _Kind.NARROW,
    ),
    **dict.fromkeys(
        _names("set default map replace append prepend insert_between append_text tools_from"),
        _Kind.CHOOSE,
    ),
}
"""Operations that do nothing but to their own place."""
_REMOVALS = _names("remove strip truncate limit dedupe drop keep_keys limit_marks")
"""Those that leave what was there, or less of it."""

_QUIET_REPAIRS = _names(
    "tool_results_first images_to_user media_types responses_tool json_schema_format "
    "strict_schema schema_types schema_const string_enums flat_schema"
)
"""Repairs that leave text alone, whatever their arguments are."""


def needs(fix: Mapping[str, Any], base: Place = ()) -> Iterator[Need]:
    """Yield all that a fix does which has been parsed; its paths start at the base."""
    for key, value in fix.items():
        yield from _entry(base + parse_path(key, "fix").segments, value)


def _entry(at: Place, value: Any) -> Iterator[Need]:
    if value is None:
        yield _need("remove", at, _Kind.NARROW, NOTHING)
    elif not isinstance(value, dict):
        yield _need("set", at, _Kind.CHOOSE, (value,))
    elif len(value) == 1 and next(iter(value)) in operations():
        for name, argument in value.items():
            yield from _operation(name, at, argument)
    else:
        # what is no object becomes one
        yield _need("set", at, _Kind.CHOOSE, ({},))._replace(whole=False)
        for key, inner in value.items():
            yield from _entry((*at, key), inner)


def _operation(name: str, at: Place, argument: Any) -> Iterator[Need]:
    if name == "chain":
        for one in argument:
            yield from _entry(at, one)
    elif name == "each":
        yield from needs(argument["fix"], (*at, EACH))
    elif name == "rename":
        yield _need(name, at, _Kind.NARROW, NOTHING)
        yield _need("write", (*at[:-1], argument), _Kind.NARROW)
    elif name == "move":
        yield _need(name, at, _Kind.NARROW, NOTHING)
        yield _need("write", parse_path(argument, "to").segments, _Kind.NARROW)
    elif name == "hoist":
        yield _need(name, at, _Kind.CHOOSE)
        yield _need("write", parse_path(argument["to"], "to").segments, _Kind.CHOOSE)
    elif name == "move_text":
        yield _need(name, at, _Kind.CHOOSE)
        yield _need("write", parse_path(argument, "to").segments, _Kind.CHOOSE)
    elif name in ("sanitize", "rewrite_ids"):
        also = argument.get("also", ()) if isinstance(argument, dict) else ()
        for place in (at, *(parse_path(text, "also").segments for text in also)):
            label = word(place[-1]) in _LABELS if place else False
            yield _need(name, place, _Kind.STRUCTURE if label else _Kind.CHOOSE)
    elif name == "repair":
        yield _need("repair", at, _Kind.STRUCTURE if _quiet(argument) else _Kind.CHOOSE)
    elif name == "drop" and "if_emptied" in argument:
        yield _need(name, at, _Kind.CHOOSE, (argument["if_emptied"],))
    elif name == "clamp":
        bounds = tuple(argument.values())
        known = all(map(is_number, bounds))  # the others are fields of the request
        yield _need(name, at, _Kind.NARROW, bounds if known else None)
    elif name in ("set", "default"):
        yield _need(name, at, _Kind.CHOOSE, (argument,))
    elif name in _KINDS:
        brings = NOTHING if name in _REMOVALS else None
        level = _need(name, at, _KINDS[name], (argument,)).level
        yield Need(level, name, at, brings)
    else:
        yield Need(Level.ALL, f'use the operation "{name}" at', at)


def _quiet(argument: Any) -> bool:
    """Tell whether a repair leaves text alone and brings none."""
    [(name, given)] = argument.items() if isinstance(argument, dict) else [(argument, {})]
    if name == "consecutive_roles":
        return not str(given.get("separator", "")).strip()
    if name == "schema_without":
        return _SCHEMA_TEXT.isdisjoint(given["keywords"])
    return name in _QUIET_REPAIRS


def _need(deed: str, at: Place, kind: _Kind, brings: Optional[Tuple[object, ...]] = None) -> Need:
    address = any(map(_brings_address, brings or ()))
    return Need(Level.ALL if address else _levels(at)[kind.value], deed, at, brings)


def _levels(at: Place) -> Tuple[Level, Level, Level]:
    words = [word(step) for step in at if isinstance(step, str)]
    if not _RESERVED.isdisjoint(words):
        return _LEVELS[_RESERVED]
    if words and words[-1] in _MARKS:
        return _LEVELS[_MARKS]
    steps = at[folders(at) :]
    if not steps or not isinstance(steps[0], str):
        return _ANYWHERE
    first = word(steps[0])
    return next((levels for group, levels in _LEVELS.items() if first in group), _UNKNOWN)


def folders(at: Place) -> int:
    """Return how many steps at the beginning of a place are folders."""
    count = 0
    while count < len(at) and isinstance(at[count], str) and word(at[count]) in FOLDERS:
        count += 1
    return count


def _brings_address(value: object) -> bool:
    """Tell whether a value brings an address along, such as that of a tool's server."""
    if isinstance(value, dict):
        return any(word(key) in _ADDRESSES or _brings_address(one) for key, one in value.items())
    return isinstance(value, list) and any(map(_brings_address, value))


def word(step: object) -> str:
    """Write a key as `snake_case`, whichever way the provider writes it."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", str(step)).lower()


def show(at: Place) -> str:
    """Write a place as a path."""
    text = ""
    for step in at:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += str(step) if step is EACH or not text else f".{step}"
    return text or "."
