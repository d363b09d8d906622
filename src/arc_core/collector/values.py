"""Reads single attribute values of OTLP, strict about what a column may hold."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue

LIMIT = 1024
"""Characters in a text that is grouped or searched by, such as a model."""


class RejectedError(Exception):
    """A span cannot be stored."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason
        """For counting: ids, times, number, size or encoding."""


Read = Callable[["AnyValue"], Any]
"""Returns None where a value is of another type: it is kept among the other attributes."""


def read(name: str, value: AnyValue, as_: Read) -> Any:
    """Read the value of an attribute; a problem with it names the attribute."""
    try:
        return as_(value)
    except RejectedError as problem:
        raise RejectedError(problem.reason, f"{name} {problem}") from None


def text(value: AnyValue) -> str | None:
    """Read a text that is not empty."""
    found: str = value.string_value
    if len(found) > LIMIT:
        raise RejectedError("size", f"has {len(found)} characters, at most {LIMIT} are taken")
    return found or None


def long_text(value: AnyValue) -> str | None:
    """Read a text of any length that is not empty."""
    return value.string_value or None


def lower_case(value: AnyValue) -> str | None:
    """Read a text whose writers do not agree on capitals."""
    found = text(value)
    return found.lower() if found else None


def number(value: AnyValue) -> float | None:
    """Read a finite number."""
    found: float = value.double_value
    if not found:
        if value.HasField("int_value"):
            return float(value.int_value)
        return 0.0 if value.HasField("double_value") else None
    if not math.isfinite(found):
        raise RejectedError("number", f"is {found}, which is no number")
    return found


def integer(value: AnyValue) -> int | None:
    """Read an integer, also one that was sent as a floating-point number."""
    found: int = value.int_value
    if found or value.HasField("int_value"):
        return found
    if not value.HasField("double_value"):
        return None
    as_float = number(value)
    if as_float is None or not as_float.is_integer() or abs(as_float) > 2**53:
        return None
    return int(as_float)


def count(value: AnyValue) -> int | None:
    """Read an integer that is not negative."""
    found = integer(value)
    return None if found is None or found < 0 else found


def flag(value: AnyValue) -> bool | None:
    """Read a truth value."""
    found: bool = value.bool_value
    return found if found or value.HasField("bool_value") else None


def milliseconds(value: AnyValue) -> float | None:
    """Read seconds as milliseconds."""
    seconds = number(value)
    return None if seconds is None else seconds * 1e3


def microseconds(value: AnyValue) -> float | None:
    """Read seconds as microseconds."""
    seconds = number(value)
    return None if seconds is None else seconds * 1e6


def texts(value: AnyValue) -> list[str] | None:
    """Read a list of texts; a single text is a list of one."""
    found = [text(each) for each in value.array_value.values]
    if not found and value.string_value:
        found = [text(value)]
    return [each or "" for each in found] or None


def integers(value: AnyValue) -> list[int] | None:
    """Read a list of integers."""
    found = [integer(each) for each in value.array_value.values]
    return None if not found or None in found else [each or 0 for each in found]


def plain(value: AnyValue) -> Any:
    """Return any value as JSON knows it; what JSON cannot say becomes text, as in OTLP/JSON."""
    kind = value.WhichOneof("value")
    if kind == "string_value" or kind == "int_value" or kind == "bool_value":
        return getattr(value, kind)
    if kind == "double_value":
        found = value.double_value
        return found if math.isfinite(found) else str(found)
    if kind == "array_value":
        return [plain(each) for each in value.array_value.values]
    if kind == "kvlist_value":
        return {each.key: plain(each.value) for each in value.kvlist_value.values}
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    return None
