"""Where telemetry goes: the address of Core or of any OTLP receiver."""

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
        (?P<path>/(?!/)[!-~]*)?""",
    re.IGNORECASE | re.VERBOSE,
)
_TLS_OF_SCHEME = {None: False, "grpc": False, "grpcs": True, "http": False, "https": True}
_PORT_OF_SCHEME = {"http": 80, "https": 443}
_FORM = "grpc://host:port, or grpcs://host:port for TLS; http:// or https:// for OTLP/HTTP"
_TRACES = "/v1/traces"


class Endpoint(NamedTuple):
    """A receiver of telemetry, as `parse` understood it."""

    host: str
    """A name or an address; IPv6 without brackets."""
    port: int
    tls: bool
    explicit: bool = True
    """False for the default that nobody asked for."""
    http: bool = False
    """Whether OTLP/HTTP is spoken there, and not gRPC."""
    path: str = ""
    """What stands before `/v1/traces`, for OTLP/HTTP alone."""

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

    @property
    def traces(self) -> str:
        """The path of OTLP/HTTP requests with spans."""
        return f"{self.path}{_TRACES}"

    @property
    def secured(self) -> str:
        """The same address under TLS, as users write it."""
        return str(self._replace(tls=True))

    @property
    def unsecured(self) -> str:
        """The same address in clear text, as users write it."""
        return str(self._replace(tls=False))

    def __str__(self) -> str:
        scheme = ("https" if self.tls else "http") if self.http else "grpc" + "s" * self.tls
        return f"{scheme}://{self.address}{self.path}"


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
        raise SettingError(f"endpoint {text!r} has the unknown scheme {scheme}: write {_FORM}.")
    http = scheme in _PORT_OF_SCHEME
    return Endpoint(
        host=_ipv6(text, parts["ipv6"]) if parts["name"] is None else parts["name"].lower(),
        port=_port(text, parts["port"], _PORT_OF_SCHEME.get(scheme or "", DEFAULT_PORT)),
        tls=_TLS_OF_SCHEME[scheme],
        explicit=explicit,
        http=http,
        path=_path(text, parts["path"] or "", http=http),
    )


def _path(text: str, path: str, *, http: bool) -> str:
    path = path.rstrip("/")
    if path and not http:
        raise SettingError(
            f"endpoint {text!r} is not an address: gRPC has no paths, write {_FORM}."
        )
    if "?" in path or "#" in path:
        raise SettingError(f"endpoint {text!r} is not an address: write {_FORM}, without a query.")
    return path[: -len(_TRACES)] if path.endswith(_TRACES) else path


def _ipv6(text: str, host: str) -> str:
    try:
        ipaddress.IPv6Address(host.split("%")[0])
    except ValueError:
        raise SettingError(
            f"endpoint {text!r} has no IPv6 address in its brackets: write [::1]:50051."
        ) from None
    return host.lower()


def _port(text: str, port: Optional[str], default: int) -> int:
    if port is None:
        return default
    # isdecimal alone would let other scripts' digits pass.
    if port.isascii() and port.isdecimal() and 1 <= int(port[:6]) <= 65535:
        return int(port)
    raise SettingError(f"endpoint {text!r} has a bad port: write a number from 1 to 65535.")
