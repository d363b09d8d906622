"""Arc Core's REST interface as the commands use it; the standard library alone."""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import json
import ssl
from typing import Any, Dict, Iterator, Mapping, Optional, Tuple
from urllib import error, parse, request

from arc_protocol.errors import ArcError
from arc_protocol.version import __version__

DEFAULT_URL = "http://127.0.0.1:8050"

_TIMEOUT_S = 60.0
_QUIET_S = 60.0
"""A stream says something four times as often."""
_PREFIX = "/api/v1"


class CoreError(ArcError):
    """Core cannot be asked, or refuses; the message is one sentence with what to do."""

    def __init__(self, sentence: str, *, status: Optional[int] = None) -> None:
        super().__init__(sentence)
        self.status = status
        """Of HTTP, where Core has refused."""


class TlsFiles:
    """PEM files, as the Runtime's settings of the same names."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.ca = environ.get("ARC_TLS_CA") or None
        self.cert = environ.get("ARC_TLS_CERT") or None
        self.key = environ.get("ARC_TLS_KEY") or None

    def context(self) -> ssl.SSLContext:
        """Return what a TLS connection needs; raises `CoreError`."""
        try:
            context = ssl.create_default_context(cafile=self.ca)
            if self.cert:
                context.load_cert_chain(self.cert, self.key)
        except (OSError, ValueError) as problem:
            raise CoreError(
                "The files of ARC_TLS_CA, ARC_TLS_CERT and ARC_TLS_KEY cannot be used "
                f"({problem}); name PEM files, or unset them."
            ) from problem
        return context


class _NoRedirects(request.HTTPRedirectHandler):
    """Stops at a redirect: following it could carry the key to somebody else."""

    def redirect_request(self, *_: Any) -> None:
        return None


class CoreClient:
    """Asks one Core."""

    def __init__(
        self, url: str, key: Optional[str], tls: TlsFiles, *, timeout_s: float = _TIMEOUT_S
    ) -> None:
        """Read the address; raises `CoreError` if it is none, or not fit for a key."""
        self._timeout_s = timeout_s
        self.url, host, secure = _address(url)
        self._key = key
        if key and not (secure or _loopback(host)):
            raise CoreError(
                f"The API key would travel to {host} in clear text; write https:// in --url."
            )
        handlers: list[request.BaseHandler] = [_NoRedirects()]
        if _loopback(host):
            handlers.append(request.ProxyHandler({}))  # a proxy's loopback is not this one
        if secure:
            handlers.append(request.HTTPSHandler(context=tls.context()))
        self._opener = request.build_opener(*handlers)

    def get(self, path: str, **parameters: Any) -> Any:
        """Return the answer; parameters that are None are left out. Raises `CoreError`."""
        return self._json("GET", path + _query(parameters), None)

    def post(self, path: str, body: Mapping[str, Any], **parameters: Any) -> Any:
        """Send a body, without members that are None; return the answer. Raises `CoreError`."""
        target = path + _query(parameters)
        return self._json("POST", target, {k: v for k, v in body.items() if v is not None})

    def delete(self, path: str) -> None:
        """Delete something. Raises `CoreError`."""
        self._json("DELETE", path, None)

    def pages(self, path: str, name: str, **parameters: Any) -> Iterator[Any]:
        """Go through a list that comes in pages. Raises `CoreError`."""
        cursor = None
        while True:
            page = self.get(path, cursor=cursor, **parameters)
            yield from page[name]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def events(
        self, path: str, body: Optional[Mapping[str, Any]] = None, **parameters: Any
    ) -> Iterator[Tuple[str, Any]]:
        """Go through server-sent events, as names and JSON, until the connection ends.

        With a body it is sent, as by `post`.

        The first one is "connected", of this method. Raises `CoreError` if it does not come about.
        """
        method = "GET" if body is None else "POST"
        with self._open(method, path + _query(parameters), body, _QUIET_S) as answer:
            yield "connected", None
            name = ""
            for line in _lines(answer):
                if line.startswith("event: "):
                    name = line[len("event: ") :]
                elif line.startswith("data: "):
                    yield name, json.loads(line[len("data: ") :])

    def _json(self, method: str, path: str, body: Optional[Mapping[str, Any]]) -> Any:
        with self._open(method, path, body, self._timeout_s) as answer, self._explained():
            raw = answer.read()
            return json.loads(raw) if raw else None

    def _open(
        self, method: str, path: str, body: Optional[Mapping[str, Any]], timeout_s: float
    ) -> Any:
        headers: Dict[str, str] = {"User-Agent": f"arc/{__version__}"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        raw = None if body is None else json.dumps(body).encode("ascii")
        asked = request.Request(
            f"{self.url}{_PREFIX}{path}", data=raw, headers=headers, method=method
        )
        with self._explained():
            return self._opener.open(asked, timeout=timeout_s)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except error.HTTPError as refusal:
            with refusal:
                raise CoreError(self._refusal(refusal), status=refusal.code) from refusal
        except (OSError, ValueError, http.client.HTTPException) as problem:
            raise CoreError(self._trouble(problem)) from problem

    def _refusal(self, refusal: error.HTTPError) -> str:
        if refusal.code == 401 and not self._key:
            return (
                f"Arc Core at {self.url} demands an API key: give --key or ARC_API_KEY; "
                "the first one is made where Core runs, with `arc keys create NAME --local`."
            )
        try:
            return str(json.loads(refusal.read())["detail"])
        except (ValueError, TypeError, LookupError, OSError, http.client.HTTPException):
            return self._stranger(f"status {refusal.code}")

    def _trouble(self, problem: Exception) -> str:
        reason = problem.reason if isinstance(problem, error.URLError) else problem
        if isinstance(reason, ssl.SSLCertVerificationError):
            return (
                f"The certificate of {self.url} is not trusted ({reason.verify_message}); "
                "name the authority's PEM file with ARC_TLS_CA."
            )
        if isinstance(reason, ssl.SSLError):
            return (
                f"No TLS connection to {self.url} ({reason.reason or reason}): write http:// if "
                "Core has no certificate; if it demands one of you, set ARC_TLS_CERT and "
                "ARC_TLS_KEY."
            )
        if self.url.startswith("https:") and isinstance(reason, ConnectionResetError):
            # with TLS 1.3 a client is done before the server has looked at its certificate
            return (
                f"{self.url} ends the connection, as a Core does that demands a certificate of its "
                "clients: set ARC_TLS_CERT and ARC_TLS_KEY to one that it takes."
            )
        if isinstance(reason, (ValueError, http.client.HTTPException, ConnectionResetError)):
            return self._stranger(type(reason).__name__)
        why = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
        return (
            f"Arc Core does not answer at {self.url} ({why}): start it with `arc core`, or name "
            "its address with --url or ARC_CORE_URL."
        )

    def _stranger(self, what: str) -> str:
        return (
            f"What answers at {self.url} is not Arc Core's HTTP port ({what}): that is 8050 "
            "unless --http-port says otherwise, and https:// if Core has a certificate."
        )


def _lines(answer: Any) -> Iterator[str]:
    with contextlib.suppress(OSError, http.client.HTTPException):
        for raw in answer:
            yield raw.decode("utf-8").rstrip("\r\n")


def quoted(text: str) -> str:
    """Return a text as a part of a path."""
    return parse.quote(text, safe="")


def _query(parameters: Mapping[str, Any]) -> str:
    given = {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in parameters.items()
        if value is not None
    }
    return f"?{parse.urlencode(given)}" if given else ""


def _address(url: str) -> Tuple[str, str, bool]:
    try:
        parts = parse.urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment or parts.username is not None:
        shown = url.rpartition("@")[2]
        raise CoreError(
            f"The address {shown!r} cannot be used: write http://host:port, or https:// for TLS, "
            "in --url or ARC_CORE_URL."
        )
    return url.rstrip("/"), str(parts.hostname), parts.scheme == "https"


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
