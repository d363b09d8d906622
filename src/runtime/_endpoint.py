"""Where telemetry goes: the address of Core or of any OTLP/gRPC receiver."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple, Optional

from runtime.errors import SettingError

DEFAULT_PORT = 50051

_ENDPOINT = re.compile(
    r"""(?:(?P<scheme>[a-z][a-z0-9+.-]*)://)?
        (?:\[(?P<ipv6>[^\]]*)\]|(?P<name>[a-z0-9_.-]+))
        (?::(?P<port>[^/]*))?
        /?""",
    re.IGNORECASE | re.VERBOSE,
)
_TLS_OF_SCHEME = {None: False, "grpc": False, "grpcs": True}
_WRITE_INSTEAD = {"http": "grpc", "https": "grpcs"}
_FORM = "grpc://host:port, or grpcs://host:port for TLS"


class Endpoint(NamedTuple):
    """A receiver of telemetry, as `parse` understood it."""

    host: str
    """A name or an address; IPv6 without brackets."""
    port: int
    tls: bool
    explicit: bool = True
    """False for the default that nobody asked for."""

    @property
    def address(self) -> str:
        """`host:port` as gRPC wants it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether what is sent stays on this machine."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"{'grpcs' if self.tls else 'grpc'}://{self.address}"


def parse(text: Optional[str], *, explicit: bool = True) -> Optional[Endpoint]:
    """Read an endpoint as users write it; None when there is none.

    Raises `SettingError`, whose message does not repeat a user name or password.
    """
    text = (text or "").strip()
    if not text:
        return None
    if "@" in text:
        raise SettingError(
            f"endpoint must not hold a user name or password: write {_FORM}, "
            "and give the key as ARC_API_KEY."
        )
    parts = _ENDPOINT.fullmatch(text)
    if parts is None:
        raise SettingError(
            f"endpoint {text!r} is not an address: write {_FORM}; IPv6 in brackets, [::1]:50051."
        )
    scheme = parts["scheme"].lower() if parts["scheme"] else None
    if scheme not in _TLS_OF_SCHEME:
        raise SettingError(_refused_scheme(text, scheme))
    return Endpoint(
        host=_ipv6(text, parts["ipv6"]) if parts["name"] is None else parts["name"].lower(),
        port=_port(text, parts["port"]),
        tls=_TLS_OF_SCHEME[scheme],
        explicit=explicit,
    )


def _refused_scheme(text: str, scheme: Optional[str]) -> str:
    instead = _WRITE_INSTEAD.get(scheme or "")
    if instead is None:
        return f"endpoint {text!r} has the unknown scheme {scheme}: write {_FORM}."
    rest = text.split("://", 1)[1]
    return f"endpoint {text!r} is not gRPC: write {instead}://{rest} if a gRPC receiver is there."


def _ipv6(text: str, host: str) -> str:
    try:
        ipaddress.IPv6Address(host.split("%")[0])
    except ValueError:
        raise SettingError(
            f"endpoint {text!r} has no IPv6 address in its brackets: write [::1]:50051."
        ) from None
    return host.lower()


def _port(text: str, port: Optional[str]) -> int:
    if port is None:
        return DEFAULT_PORT
    # isdecimal alone would let other scripts' digits pass.
    if port.isascii() and port.isdecimal() and 1 <= int(port[:6]) <= 65535:
        return int(port)
    raise SettingError(f"endpoint {text!r} has a bad port: write a number from 1 to 65535.")
