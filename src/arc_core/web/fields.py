"""Parameters and members of bodies: one table each, which reads them and describes them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import Any

from arc_core.model.columns import LATEST_TIME
from arc_core.web.problems import ProblemError

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
LATEST = EPOCH + timedelta(microseconds=LATEST_TIME)

Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Kind:
    """What a value is: how it is described, and how it is read."""

    schema: Schema
    read: Callable[[Any], Any]
    """Takes text, or JSON from a body; raises `ValueError` that says what to write."""


@dataclass(frozen=True)
class Field:
    """One parameter, or one member of a body."""

    name: str
    kind: Kind
    meaning: str
    default: Any = None
    required: bool = False


def text(most: int = 500, pattern: str | None = None, form: str = "") -> Kind:
    """Text of at least one character; `form` says in words what `pattern` demands."""
    schema: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": most}
    if pattern is not None:
        schema["pattern"] = f"^{pattern}$"

    def read(value: Any) -> str:
        if not (isinstance(value, str) and 0 < len(value) <= most):
            raise ValueError(f"write a text of 1 to {most} characters")
        if pattern is not None and not re.fullmatch(pattern, value):
            raise ValueError(f"write {form}")
        return value

    return Kind(schema, read)


def choice(values: type[Enum]) -> Kind:
    """One of the values of an enumeration."""
    members = {member.value: member for member in values}

    def read(value: Any) -> Enum:
        try:
            return members[value]
        except (KeyError, TypeError):
            raise ValueError(f"write one of {', '.join(members)}") from None

    return Kind({"type": "string", "enum": [*members]}, read)


def whole(least: int, most: int) -> Kind:
    """A whole number, as a parameter."""

    def read(value: Any) -> int:
        if re.fullmatch(r"[0-9]{1,18}", value) and least <= int(value) <= most:
            return int(value)
        raise ValueError(f"write a whole number from {least} to {most}")

    return Kind({"type": "integer", "minimum": least, "maximum": most}, read)


def _flag(value: Any) -> bool:
    if value not in ("true", "false"):
        raise ValueError("write true or false")
    return bool(value == "true")


_TIME = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?P<fraction>\.\d{1,9})?(?P<zone>[Zz]|[+-]\d\d:\d\d)",
    re.ASCII,
)


def _moment(value: Any) -> datetime:
    parts = _TIME.fullmatch(value)
    try:
        if parts is None:
            raise ValueError
        zone = "+00:00" if parts["zone"] in "Zz" else parts["zone"]
        moment = datetime.fromisoformat(value[:10] + "T" + value[11:19] + zone)
        moment += timedelta(microseconds=int((parts["fraction"] or ".0")[1:7].ljust(6, "0")))
        if EPOCH <= moment <= LATEST:
            return moment.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        pass
    raise ValueError("write a time from 1970 to 2105 with its zone, such as 2026-11-24T12:00:00Z")


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("write an object")
    return value


def _objects(value: Any) -> list[dict[str, Any]]:
    if not (isinstance(value, list) and all(isinstance(each, dict) for each in value)):
        raise ValueError("write a list of objects")
    return value


FLAG = Kind({"type": "boolean"}, _flag)
MOMENT = Kind({"type": "string", "format": "date-time"}, _moment)
OBJECT = Kind({"type": "object"}, _object)
OBJECTS = Kind({"type": "array", "items": {"type": "object"}}, _objects)


def read_query(fields: Sequence[Field], pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Read the parameters of a request; raises `ProblemError`."""
    given: dict[str, Any] = {}
    for name, value in pairs:
        if name in given:
            raise ProblemError(
                400, f"The parameter {name} is given twice; give it once.", field=name
            )
        given[name] = value
    return _read(fields, given, "parameter")


def read_body(fields: Sequence[Field], raw: bytes) -> dict[str, Any]:
    """Read a body, which must be a JSON object; raises `ProblemError`."""
    try:
        given = json.loads(raw, parse_constant=_refuse_constant, object_pairs_hook=_unique)
    except RecursionError:
        raise ProblemError(400, "The body is nested too deeply.") from None
    except ValueError as problem:
        raise ProblemError(400, f"The body is no JSON: {problem}.") from None
    if not isinstance(given, dict):
        raise ProblemError(400, f"The body is {_shown(given)}; it must be a JSON object.")
    return _read(fields, given, "member")


def _read(fields: Sequence[Field], given: Mapping[str, Any], what: str) -> dict[str, Any]:
    known = {field.name: field for field in fields}
    for name in given:
        if name not in known:
            listed = f"known: {', '.join(known)}" if known else "there are none"
            raise ProblemError(400, f"The {what} {_shown(name)} is unknown; {listed}.", field=name)
    values = {}
    for field in fields:
        value = given.get(field.name)
        if value is None and field.required:
            raise ProblemError(
                400, f"The {what} {field.name} is missing: {field.meaning}.", field=field.name
            )
        values[field.name] = field.default if value is None else read_value(field, value)
    return values


def read_value(field: Field, value: Any) -> Any:
    """Read one value; raises `ProblemError`."""
    try:
        return field.kind.read(value)
    except ValueError as problem:
        sentence = f"{field.name} is {_shown(value)}: {problem}."
        raise ProblemError(400, sentence, field=field.name) from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"an object has the member {_shown(twice)} twice")
    return made


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else text[:77] + "..."
