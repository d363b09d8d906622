"""How the value of each setting is read; what cannot be one raises `SettingError`."""

from __future__ import annotations

import re
from typing import Any, Iterator, Mapping, Tuple
from urllib.parse import unquote

from runtime import _endpoint
from runtime.errors import SettingError

_TRUE = ("1", "true", "yes", "on")
_FALSE = ("0", "false", "no", "off", "")
_LONGEST_S = 3600
AUTO, OFF = "auto", "off"
"""Whether the application's own OpenTelemetry is told of its calls."""
OTEL = "otel"
"""Stands for the endpoint that OpenTelemetry's exporters have."""
CACHE_CREATION = "cache_creation"
"""The older name of tokens that are written to the cache."""
_HEADER = re.compile(r"[a-z0-9_.-]+")  # gRPC takes no others
_OWN_HEADERS = frozenset(
    ("host", "connection", "content-type", "content-length", "content-encoding", "te")
)
_HOOK = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def switch(value: Any) -> bool:
    """Read a yes or no."""
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise SettingError("write 1 or 0")


def text(value: Any) -> str:
    """Read a text."""
    if not isinstance(value, str):
        raise SettingError("write a text")
    return value.strip()


def level(value: Any) -> str:
    """Read a level of logging."""
    text = str(value).strip().upper()
    if text not in _LEVELS:
        raise SettingError(f"write one of {', '.join(_LEVELS)}")
    return text


def port(value: Any) -> int:
    """Read a port, or 0 for none."""
    text = str(value).strip()
    if isinstance(value, bool) or not (text.isascii() and text.isdecimal() and int(text) <= 65535):
        raise SettingError("write a number from 0 to 65535; 0 means no metrics server")
    return int(text)


def mode(value: Any) -> str:
    """Read whether decisions are carried out."""
    if value not in ("enforce", "observe"):
        raise SettingError("write enforce or observe")
    return str(value)


def policy(value: Any) -> str:
    """Read what pushed patterns may change; returns its text."""
    from arc_protocol.patterns.policy import parse_policy  # the default needs no reading

    try:
        return parse_policy(value).text
    except ValueError as problem:
        raise SettingError(str(problem)) from None


def headers(value: Any) -> Tuple[Tuple[str, str], ...]:
    """Read headers of requests, as a mapping or as OpenTelemetry writes them: name=value,..."""
    pairs = value.items() if isinstance(value, Mapping) else _listed(text(value))
    read = tuple((text(name).lower(), text(said)) for name, said in pairs)
    for name, said in read:
        if not _HEADER.fullmatch(name) or name in _OWN_HEADERS or name.endswith("-bin"):
            raise SettingError(f"{name[:40]!r} cannot be the name of a header")
        if not (said.isascii() and said.isprintable()):
            raise SettingError(f"the value of {name} must be printable ASCII")
    return read


def _listed(written: str) -> Iterator[Tuple[str, str]]:
    for pair in filter(None, map(str.strip, written.split(","))):
        name, sign, said = pair.partition("=")
        if not sign:
            raise SettingError("write name=value, and a comma between headers")
        yield name.strip(), unquote(said.strip())


def address(value: Any) -> str:
    """Read an endpoint; returns it as it was written."""
    written = text(value)
    if written.lower() == OTEL:
        return OTEL
    _endpoint.parse(written)
    return written


def public_key(value: Any) -> str:
    """Read a public key."""
    from arc_protocol.wire import signatures

    written = text(value)
    try:
        signatures.read_key(written)
    except ValueError as problem:
        raise SettingError(str(problem)) from None
    return written


def seconds(value: Any) -> float:
    """Read a time."""
    if not isinstance(value, bool) and 0 <= float(value) <= _LONGEST_S:
        return float(value)
    raise SettingError(f"write a number of seconds from 0 to {_LONGEST_S}")


def compat(value: Any) -> str:
    """Read whose names the application wants."""
    if value != CACHE_CREATION:
        raise SettingError(f"write {CACHE_CREATION}, or leave it out")
    return CACHE_CREATION


def otel(value: Any) -> str:
    """Read whether the application's own OpenTelemetry is told of its calls."""
    text = str(value).strip().lower()
    if text not in (AUTO, OFF):
        raise SettingError(f"write {AUTO} or {OFF}")
    return text


def hook(value: Any) -> Any:
    """Read a function, or the name of one."""
    if callable(value) or (isinstance(value, str) and _HOOK.fullmatch(value.strip())):
        return value.strip() if isinstance(value, str) else value
    raise SettingError("write a function, or as text module:function")
