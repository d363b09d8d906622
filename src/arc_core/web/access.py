"""Who may call: API keys, and on this machine what is no foreign web page."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from arc_core.access import AccessError
from arc_core.web.problems import ProblemError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

    from arc_core.access import Gate
    from arc_core.registry.keys import Key

_CHALLENGE = {"WWW-Authenticate": "Bearer"}


async def authenticate(gate: Gate, request: Request) -> Key | None:
    """Return the caller's key; None for one without, where none is needed.

    Raises `ProblemError`.
    """
    caller = request.client.host if request.client else "an unknown address"
    try:
        return await gate.key(request.headers.get("authorization"), caller)
    except AccessError as problem:
        raise ProblemError(401, str(problem), headers=_CHALLENGE) from None


class LocalGuard:
    """Refuses what a web page of somebody else may send where no key is demanded.

    A page can reach this machine by a name of its own that it has made to mean 127.0.0.1 (DNS
    rebinding), or directly and blindly (CSRF).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "http":
            objection = _objection(scope["scheme"], Headers(scope=scope))
            if objection is not None:
                await ProblemError(403, objection).response()(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _objection(scheme: str, headers: Headers) -> str | None:
    host = headers.get("host", "")
    if not _loopback(host):
        return (
            f"The address names the host {host[:200]!r}; without API keys Arc Core answers only as "
            "localhost or 127.0.0.1: use that, or start it with --require-key 1."
        )
    origin = headers.get("origin")
    if origin is not None and origin.lower() != f"{scheme}://{host}".lower():
        return (
            f"The request comes from a page of {origin[:200]!r}; without API keys Arc Core takes "
            "requests of its own pages only: start it with --require-key 1 to use keys."
        )
    if headers.get("sec-fetch-site") == "cross-site" and (
        headers.get("sec-fetch-mode") != "navigate"
    ):
        return "The request comes from a page of another site; open Arc Core's address itself."
    return None


def _loopback(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
