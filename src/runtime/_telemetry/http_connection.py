"""One connection to an OTLP/HTTP receiver, by what Python itself brings."""

from __future__ import annotations

import base64
import contextlib
import http.client
import socket
import ssl
import time
from typing import Any, Dict, Mapping, NamedTuple, Optional
from urllib.parse import unquote, urlsplit

from arc_protocol.version import __version__
from runtime._endpoint import Endpoint
from runtime._telemetry import tls as tls_files
from runtime._telemetry.answers import LARGEST
from runtime._telemetry.tls import TlsFiles

_USUAL_PORT = {False: 80, True: 443}


class Reply(NamedTuple):
    """What the receiver answered."""

    status: int
    headers: Mapping[str, str]
    """In lower case."""
    body: bytes


class Proxy(NamedTuple):
    """Who stands between this machine and the receiver."""

    host: str
    port: int
    headers: Mapping[str, str]


class Connection:
    """Opened by the first request, and again where the receiver has closed it in between.

    Instrumentations and error trackers replace methods of `http.client.HTTPConnection` and would
    report each batch as a request of the application. So that class only connects, through a proxy
    and with TLS if need be; what is sent and read goes past it.
    """

    def __init__(self, endpoint: Endpoint, tls: TlsFiles) -> None:
        """Raises `TlsFileError`."""
        self._endpoint = endpoint
        self._context = _context(tls) if endpoint.tls else None
        self._proxy = proxy_of(endpoint)
        self._http: Any = None
        self._aborted = False

    def post(self, headers: Mapping[str, str], body: bytes, timeout_s: float) -> Reply:
        """Send one request and read the answer; raises what the socket, TLS or HTTP raise."""
        until = time.monotonic() + timeout_s
        request = self._head({**headers, "content-length": str(len(body))}) + body
        if self._http is not None:
            # the receiver may have closed it since, of which only this attempt tells
            with contextlib.suppress(ConnectionError):
                return self._exchange(request, until)
            self.close()
        self._open(until)
        return self._exchange(request, until)

    def abort(self) -> None:
        """Let a request that is under way on another thread fail at once."""
        self._aborted = True
        opened = getattr(self._http, "sock", None)
        if opened is not None:
            with contextlib.suppress(OSError):
                # not TLS's own, which would wait for the other side
                socket.socket.shutdown(opened, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close it; the next request opens it again."""
        opened, self._http = self._http, None
        if opened is not None:
            opened.close()

    def _open(self, until: float) -> None:
        endpoint, proxy, left_s = self._endpoint, self._proxy, _left_s(until)
        host, port = (proxy.host, proxy.port) if proxy else (endpoint.host, endpoint.port)
        opened: http.client.HTTPConnection
        if self._context is not None:
            opened = http.client.HTTPSConnection(host, port, timeout=left_s, context=self._context)
            if proxy:
                opened.set_tunnel(endpoint.host, endpoint.port, dict(proxy.headers))
        else:
            opened = http.client.HTTPConnection(host, port, timeout=left_s)
        self._http = opened
        opened.connect()

    def _exchange(self, request: bytes, until: float) -> Reply:
        if self._aborted:
            raise ConnectionAbortedError
        sock = self._http.sock
        sock.settimeout(_left_s(until))
        sock.sendall(request)
        response = http.client.HTTPResponse(sock, method="POST")
        try:
            response.begin()
            sock.settimeout(_left_s(until))
            whole = response.length is not None and response.length <= LARGEST
            body = response.read() if whole else response.read(LARGEST)
            headers = {name.lower(): value for name, value in response.getheaders()}
            if response.will_close or not response.isclosed():
                self.close()
        finally:
            response.close()
        return Reply(response.status, headers, body)

    def _head(self, headers: Mapping[str, str]) -> bytes:
        endpoint, target = self._endpoint, self._endpoint.traces
        usual = endpoint.port == _USUAL_PORT[endpoint.tls]
        host = endpoint.address.rpartition(":")[0] if usual else endpoint.address
        fields: Dict[str, str] = {"host": host, "user-agent": f"arc-runtime/{__version__}"}
        if self._proxy and not endpoint.tls:
            target = f"http://{host}{target}"
            fields.update(self._proxy.headers)
        fields.update(headers)
        lines = [f"POST {target} HTTP/1.1", *(f"{name}: {text}" for name, text in fields.items())]
        return "".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1", "replace")


def proxy_of(endpoint: Endpoint) -> Optional[Proxy]:
    """Return the proxy that the environment names for a receiver, which must be one of HTTP."""
    if endpoint.loopback:
        return None
    import urllib.request

    named = urllib.request.getproxies().get("https" if endpoint.tls else "http")
    if not named or urllib.request.proxy_bypass(endpoint.host):
        return None
    parts = urlsplit(named if "://" in named else f"http://{named}")
    if parts.scheme != "http" or not parts.hostname:
        return None
    headers = {}
    if parts.username is not None:
        said = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["proxy-authorization"] = f"Basic {base64.b64encode(said.encode()).decode()}"
    return Proxy(parts.hostname, parts.port or 80, headers)


def _context(tls: TlsFiles) -> ssl.SSLContext:
    tls_files.read(tls)  # says which file cannot be used, and why
    context = ssl.create_default_context(cafile=tls.ca)
    context.set_alpn_protocols(["http/1.1"])
    if tls.cert:
        context.load_cert_chain(tls.cert, tls.key)
    return context


def _left_s(until: float) -> float:
    left_s = until - time.monotonic()
    if left_s <= 0:
        raise socket.timeout
    return left_s
