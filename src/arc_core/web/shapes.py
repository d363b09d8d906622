"""What answers look like: one table each, which makes the JSON and describes it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from arc_core.model import calls, columns, feedback
from arc_core.storage import judged
from arc_core.web.fields import EPOCH, Schema


def iso(moment: datetime) -> str:
    """Return a moment as the interface writes it: ISO 8601, UTC, microseconds."""
    utc = moment.astimezone(timezone.utc)
    return utc.isoformat(timespec="microseconds").replace("+00:00", "Z")


def from_microseconds(value: int) -> datetime:
    """Return the moment that stores write as microseconds since 1970."""
    return EPOCH + timedelta(microseconds=value)


def _same(value: Any) -> Any:
    return value


def _parsed(value: str) -> Any:
    """Return JSON that is stored as text; what is no JSON stays text."""
    if not value:
        return None
    try:
        return json.loads(value, parse_constant=str)
    except (ValueError, RecursionError):
        return value


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


@dataclass(frozen=True)
class Out:
    """One member of an answer."""

    schema: Schema
    show: Callable[[Any], Any] = _same

    def or_null(self) -> Out:
        """Return the same, where the value may be None."""
        if "type" in self.schema:
            schema = {**self.schema, "type": [self.schema["type"], "null"]}
        else:  # a reference to a shape
            schema = {"anyOf": [self.schema, {"type": "null"}]}
        return Out(schema, lambda value: None if value is None else self.show(value))

    def listed(self) -> Out:
        """Return a list of the same."""
        return Out(
            {"type": "array", "items": self.schema},
            lambda values: [self.show(value) for value in values],
        )


TEXT = Out({"type": "string"})
FLAG = Out({"type": "boolean"})
INTEGER = Out({"type": "integer"})
NUMBER = Out({"type": "number"})
OBJECT = Out({"type": "object"})
VALUE = Out({"type": "string"}, lambda member: member.value)
"""A member of an enumeration of texts."""
TIME = Out({"type": "string", "format": "date-time"}, iso)
STORED_TIME = Out(TIME.schema, lambda value: iso(from_microseconds(value)))
JSON = Out({"description": "JSON"}, _parsed)


SHAPES: dict[str, Shape] = {}
"""Every shape by its name."""


class Shape:
    """An object in answers: made of an object's attributes, or of a mapping's items."""

    def __init__(self, name: str, meaning: str, members: Mapping[str, Out]) -> None:
        self.name = name
        self.members = members
        SHAPES[name] = self
        self.schema: Schema = {
            "type": "object",
            "description": meaning,
            "properties": {member: out.schema for member, out in members.items()},
            "required": [*members],
        }

    @property
    def out(self) -> Out:
        """The shape as a member of another one."""
        return Out({"$ref": f"#/components/schemas/{self.name}"}, self.show)

    def show(self, source: Any) -> dict[str, Any]:
        """Return the JSON of a value."""
        if isinstance(source, Mapping):
            return {name: out.show(source[name]) for name, out in self.members.items()}
        return {name: out.show(getattr(source, name)) for name, out in self.members.items()}


_KINDS = {
    columns.Kind.NAME: TEXT,
    columns.Kind.TEXT: TEXT,
    columns.Kind.TIME: STORED_TIME,
    columns.Kind.FLAG: FLAG,
    columns.Kind.INTEGER: INTEGER,
    columns.Kind.NUMBER: Out({"type": "number"}, _finite),
    columns.Kind.NAMES: TEXT.listed(),
    columns.Kind.INTEGERS: INTEGER.listed(),
}
_STORED_JSON = ("fix_diff", "turn", "attributes", *calls.LARGE)


def _of_column(column: columns.Column) -> Out:
    out = JSON if column.name in _STORED_JSON else _KINDS[column.kind]
    out = out.or_null() if column.nullable else out
    return Out({**out.schema, "description": column.meaning}, out.show)


_FEEDBACK = {
    column.name: _of_column(column)
    for column in feedback.COLUMNS
    if column.name not in ("project", "received_at")
}
FEEDBACK = Shape("Feedback", "What somebody says of a reply.", _FEEDBACK)
SAID = Shape(
    "Said",
    "What somebody says of the reply of this call.",
    {name: _FEEDBACK[name] for name in judged.SHOWN},
)
CALL_WITH_BODY = Shape(
    "CallWithBody",
    "A finished call, its request without words, what was said, and what is said of its reply.",
    {
        **{column.name: _of_column(column) for column in calls.COLUMNS},
        "feedback": SAID.out.listed(),
    },
)
CALL = Shape(
    "Call",
    "A finished call, and what is said of its reply. A bad word makes it one with the failure "
    "feedback.",
    {name: out for name, out in CALL_WITH_BODY.members.items() if name not in calls.LARGE},
)
