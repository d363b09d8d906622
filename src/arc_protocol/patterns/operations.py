"""Operations on values, lists and objects; importing this module registers them."""

from __future__ import annotations

import json
from typing import Any, Dict, FrozenSet, List, Literal, Optional

from arc_protocol.errors import PatternError
from arc_protocol.patterns.arguments import KINDS, Json
from arc_protocol.patterns.checks import Check
from arc_protocol.patterns.conversation import calls, messages_of
from arc_protocol.patterns.edit import Edit
from arc_protocol.patterns.fixes import (
    OPERATIONS,
    Step,
    arrangement,
    compile_operation,
    compile_step,
    erase,
    operation,
    path_operation,
    sequence,
    write,
)
from arc_protocol.patterns.limits import show
from arc_protocol.patterns.paths import Location, Path, parse_path
from arc_protocol.patterns.references import Amount
from arc_protocol.patterns.values import LIST, MAPPING, MISSING, copied, equal, is_number

KINDS[Step] = compile_step
KINDS[Path] = parse_path


@path_operation
def set_(edit: Edit, path: Path, base: Location, *, value: Json) -> None:
    """Write a value as it is, also null or an object that would otherwise be merged."""
    write(path, value)(edit, base)


@path_operation
def remove(edit: Edit, path: Path, base: Location, *, always: Literal[True]) -> None:
    """Remove the value, as null does."""
    erase(path)(edit, base)


@path_operation
def default(edit: Edit, path: Path, base: Location, *, value: Json) -> None:
    """Write a value where there is none; null is a value."""
    for location in edit.targets(path, base):
        if edit.get(location) is MISSING:
            edit.put(location, copied(value))


@path_operation
def rename(edit: Edit, path: Path, base: Location, *, to: str) -> None:
    """Give a value another key in the same object; when that key is taken, its value stays."""
    for location, _ in edit.find(path, base):
        edit.rename(location, to)


@path_operation
def move(edit: Edit, path: Path, base: Location, *, to: Path) -> None:
    """Move the value to another path; when there is a value, that stays."""
    for location, value in edit.find(path, base):
        edit.remove(location)
        for target in edit.targets(to, base):
            if edit.get(target) is MISSING:
                edit.put(target, value, chosen=False)


@path_operation
def each(
    edit: Edit, path: Path, base: Location, *, fix: Step, where: Optional[Check] = None
) -> None:
    """Fix the elements of a list that satisfy a condition; paths start at the element."""
    for location, value in edit.find(path, base):
        for index, element in enumerate(messages_of(value)):
            if isinstance(element, MAPPING) and (where is None or where(element, edit.body)):
                fix(edit, (*location, index))


def _chain(argument: object, path: Path, where: str) -> Step:
    """Compile several operations at one path, one after the other."""
    if not isinstance(argument, list) or not argument:
        raise PatternError(f"{where} is {show(argument)}; it must be a list of operations.")
    return sequence(
        [compile_operation(one, path, f"{where}[{at}]") for at, one in enumerate(argument)]
    )


OPERATIONS["chain"] = _chain


@operation
def clamp(
    value: Any, request: object, *, low: Optional[Amount] = None, high: Optional[Amount] = None
) -> object:
    """Keep a number within bounds, which may be other fields; what is no number stays."""
    if not is_number(value):
        return value
    lowest = low(request) if low else None
    highest = high(request) if high else None
    if lowest is not None and value < lowest:
        value = lowest
    return highest if highest is not None and value > highest else value


@operation
def convert(
    value: Any, request: object, *, to: Literal["integer", "number", "string", "boolean"]
) -> object:
    """Turn a text into the value that it shows, or a value into a text."""
    if value is None or isinstance(value, (*MAPPING, *LIST)):
        return value
    return _CONVERSIONS[to](value)


def _to_number(value: Any) -> object:
    if not isinstance(value, str):
        return value
    number = float(value)
    return int(number) if number.is_integer() else number


def _to_integer(value: Any) -> object:
    number = _to_number(value)
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _to_text(value: Any) -> object:
    return value if isinstance(value, str) else json.dumps(value)


def _to_boolean(value: Any) -> object:
    return (
        {"true": True, "false": False}.get(value.lower(), value)
        if isinstance(value, str)
        else value
    )


_CONVERSIONS = {
    "integer": _to_integer,
    "number": _to_number,
    "string": _to_text,
    "boolean": _to_boolean,
}


ValueMap = Dict[str, object]


def _value_map(document: object, where: str) -> object:
    if not isinstance(document, dict) or not document:
        raise PatternError(f"{where} is {show(document)}; it must map texts to values.")
    for key, value in document.items():
        if isinstance(value, str) and value != key and value in document:
            raise PatternError(f"{where} maps {show(key)} to {show(value)}, which it maps further.")
    return document


KINDS[ValueMap] = _value_map


@operation
def map_(value: Any, request: object, *, values: ValueMap) -> object:
    """Replace a text by what a table says; texts that are not in it stay."""
    return copied(values[value]) if isinstance(value, str) and value in values else value


@operation
def replace(value: Any, request: object, *, where: Check, by: Json) -> object:
    """Replace a value that satisfies a condition, in which `.` is the value itself."""
    return copied(by) if where(value, request) else value


@operation
def strip(value: Any, request: object, *, side: Literal["both", "left", "right"]) -> object:
    """Remove white space at the ends of a text."""
    if not isinstance(value, str):
        return value
    return {"both": value.strip, "left": value.lstrip, "right": value.rstrip}[side]()


@operation
def truncate(value: Any, request: object, *, max: int) -> object:
    """Cut a text to a number of characters."""
    return value[:max] if isinstance(value, str) else value


@operation
def limit(
    value: Any, request: Any, *, max: int, keep: Literal["first", "last", "called"] = "first"
) -> object:
    """Shorten a list; `called` keeps the tools that the conversation has used."""
    if not isinstance(value, LIST) or len(value) <= max:
        return value
    if keep == "called":
        return _called_first(value, request, max)
    return value[:max] if keep == "first" else value[len(value) - max :]


def _called_first(tools: Any, request: Any, max: int) -> object:
    called = {
        call.name
        for messages in request.values()
        for message in messages_of(messages)
        for call in calls(message)
    }
    order = sorted(range(len(tools)), key=lambda at: (_tool_name(tools[at]) not in called, at))
    return [tools[at] for at in sorted(order[:max])]


def _tool_name(tool: Any) -> object:
    function = tool.get("function", tool) if isinstance(tool, MAPPING) else None
    return function.get("name") if isinstance(function, MAPPING) else None


@operation
def drop(value: Any, request: object, *, where: Check, if_emptied: Json = MISSING) -> object:
    """Remove the elements of a list that satisfy a condition."""
    kept = [item for item in messages_of(value) if not where(item, request)]
    if len(kept) == len(messages_of(value)):
        return value
    return kept if kept or if_emptied is MISSING else copied(if_emptied)


@operation
def dedupe(value: Any, request: object, *, key: str) -> object:
    """Keep the first of the elements that are equal in one key."""
    kept: List[Any] = []
    for item in messages_of(value):
        mine = item.get(key, MISSING) if isinstance(item, MAPPING) else MISSING
        if not any(isinstance(other, MAPPING) and equal(other.get(key), mine) for other in kept):
            kept.append(item)
    return kept if isinstance(value, LIST) else value


@arrangement
def append(value: Any, request: object, *, item: Json) -> object:
    """Add an element at the end of a list, unless it stands there already."""
    if not isinstance(value, LIST) or (value and equal(value[-1], item)):
        return value
    return [*value, copied(item)]


@arrangement
def prepend(value: Any, request: object, *, item: Json) -> object:
    """Add an element at the start of a list, unless it stands there already."""
    if not isinstance(value, LIST) or (value and equal(value[0], item)):
        return value
    return [copied(item), *value]


@arrangement
def insert_between(
    value: Any, request: object, *, after: Check, before: Check, item: Json
) -> object:
    """Add an element between neighbours that satisfy one condition each."""
    if after(item, request) and before(item, request):
        raise ValueError("the inserted element asks for another one")
    kept: List[Any] = []
    for element in messages_of(value):
        if kept and after(kept[-1], request) and before(element, request):
            kept.append(copied(item))
        kept.append(element)
    return kept if isinstance(value, LIST) else value


@operation
def keep_keys(value: Any, request: object, *, keys: FrozenSet[str]) -> object:
    """Remove all members of an object but the named ones."""
    if not isinstance(value, MAPPING):
        return value
    return {key: inner for key, inner in value.items() if key in keys}


@path_operation
def limit_marks(edit: Edit, path: Path, base: Location, *, max: int, last_of: List[str]) -> None:
    """Remove marks beyond a number: the last of each named field stays, then the latest others."""
    marks = [location for location, _ in edit.find(path, base)]
    lasts = [
        next((mark for mark in reversed(marks) if mark[len(base)] == area), None)
        for area in last_of
    ]
    others = [mark for mark in marks if mark not in lasts]
    # Marks in the named fields come earlier in the prompt than all others.
    others.sort(key=lambda mark: mark[len(base)] not in last_of)
    ranked = [mark for mark in lasts if mark is not None] + others[::-1]
    surplus = ranked[max:]
    for mark in reversed(marks):
        if mark in surplus:
            edit.remove(mark)
