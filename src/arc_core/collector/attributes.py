"""Decodes encoded attributes, remembering those that come again and again.

Of the attributes of a call all but a few, such as the id of the reply and the messages, are the
same bytes as in many calls before it. Looking them up costs a quarter of decoding them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import orjson
from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from arc_core.collector import envelope
from arc_core.collector.names import CONTENT, CURRENT, OLDER, RESOURCE, flattened_content
from arc_core.collector.values import RejectedError, plain, read
from arc_protocol import semconv

COLUMN, OLD, BODY, REST = range(4)
"""Where an attribute goes: to a column, to one that no present name fills, or elsewhere.

A value for the body is ready for `orjson`.
"""

Attribute = tuple[int, Any, Any]
"""Where it goes, position of the column or name of the attribute, value."""

_LONGEST = 256
_MOST = 16 * 1024
_UNIQUE = frozenset((semconv.RESPONSE_ID, semconv.ARC_INTERCEPTION_DURATION, semconv.ARC_TURN))
"""Not worth remembering."""
_CONTENT = {name.encode(): name for name in CONTENT}
_LONGEST_RESOURCE = 4096
_MOST_RESOURCES = 1024

REMEMBERED: dict[bytes, Attribute] = {}
"""Encoded attributes that came before; look here before `decode`."""


def decode(encoded: bytes) -> Attribute:
    """Return what an encoded `KeyValue` says; raises `RejectedError`.

    The value may be shared with other spans: it must not be changed.
    """
    try:
        if len(encoded) > _LONGEST:
            key = encoded[2 : 2 + encoded[1]]
            name = _CONTENT.get(key)
            if name is not None:
                before = _before_text(key, len(encoded))
                if encoded.startswith(before):
                    return BODY, name, _as_json(encoded[len(before) :])
            attribute = envelope.KeyValue.FromString(encoded)
            name, text = _CONTENT.get(attribute.key), attribute.value.string_value
            if name is not None and text:
                return BODY, name, _as_json(text)
        attribute = KeyValue.FromString(encoded)
    except DecodeError:
        shown = encoded[:40].decode("ascii", "replace")
        raise RejectedError("encoding", f"an attribute is no UTF-8 or no OTLP: {shown!r}") from None
    name = attribute.key
    decoded = _sorted(name, attribute.value)
    if len(encoded) <= _LONGEST and name not in _UNIQUE:
        if len(REMEMBERED) >= _MOST:
            REMEMBERED.clear()
        REMEMBERED[encoded] = decoded
    return decoded


@lru_cache(_MOST)
def _before_text(key: bytes, size: int) -> bytes:
    """Return how a `KeyValue` of so many bytes begins, up to its text: all else is its text."""
    begin = b"\x0a%c%b\x12" % (len(key), key)
    value = _length(size - len(begin))
    text = _length(size - len(begin) - len(value) - 1)
    return b"%b%b\x0a%b" % (begin, value, text)


def _length(size: int) -> bytes:
    """Return the length that goes before a value if both together have so many bytes."""
    for digits in range(1, 5):
        rest = size - digits
        encoded = bytes(
            rest >> 7 * digit & 127 | (128 if digit < digits - 1 else 0) for digit in range(digits)
        )
        if rest < 1 << 7 * digits:
            return encoded
    raise ValueError(f"{size} bytes are no attribute")


def _sorted(name: str, value: AnyValue) -> Attribute:
    if name in CURRENT:
        at, as_ = CURRENT[name]
        found = read(name, value, as_)
        if found is not None:
            return COLUMN, at, found
    elif name in OLDER:
        found = read(name, value, OLDER[name][1])
        if found is not None:
            return OLD, name, found
    if name not in CONTENT and not flattened_content(name):
        return REST, name, plain(value)
    if value.HasField("string_value"):
        return BODY, name, _as_json(value.string_value.encode())
    return BODY, name, plain(value)


def _as_json(text: bytes) -> Any:
    """Return JSON that came as text as it is, and other text as text."""
    if text[:1] in (b"[", b"{"):
        try:
            orjson.loads(text)
        except ValueError:
            pass
        else:
            return orjson.Fragment(text)
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise RejectedError("encoding", f"an attribute is no UTF-8: {text[:40]!r}") from None


class Surroundings:
    """What all spans of a resource and scope have in common."""

    def __init__(self, resource: bytes, scope: bytes) -> None:
        self.columns: list[tuple[int, Any]] = []
        """Position and value."""
        self.others: dict[str, Any] = {}
        """What has no column."""
        try:
            described = Resource.FromString(resource)
            by = InstrumentationScope.FromString(scope)
        except DecodeError:
            raise RejectedError(
                "encoding", "its resource or scope is no UTF-8 or no OTLP"
            ) from None
        for attribute in described.attributes:
            name, value = attribute.key, attribute.value
            column = RESOURCE.get(name)
            found = None if column is None else read(name, value, column[1])
            if column is None or found is None:
                self.others[name] = plain(value)
            else:
                self.columns.append((column[0], found))
        for name, text in (("otel.scope.name", by.name), ("otel.scope.version", by.version)):
            if text:
                self.others[name] = text
        self.json = orjson.dumps(self.others).decode()
        """The same as JSON, encoded once for all spans."""


_remembered_surroundings = lru_cache(_MOST_RESOURCES)(Surroundings)


def surroundings(resource: bytes, scope: bytes) -> Surroundings:
    """Decode an encoded `Resource` and `InstrumentationScope`; raises `RejectedError`."""
    if len(resource) + len(scope) > _LONGEST_RESOURCE:
        return Surroundings(resource, scope)
    return _remembered_surroundings(resource, scope)
