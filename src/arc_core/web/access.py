"""Who may call: API keys, and on this machine what is no foreign web page."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from arc_core.web.problems import ProblemError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from arc_core.registry.keys import Key
    from arc_core.web.context import Context

_CHALLENGE = {"WWW-Authenticate": "Bearer"}


def authenticate(context: Context, headers: Headers) -> Key | None:
    """Return the caller's key; None for one without, where none is needed.

    Blocks; raises `ProblemError`.
    """
    header = headers.get("authorization")
    if header is None:
        if not context.demand_key:
            return None
        raise ProblemError(
            401,
            "This Core demands an API key: send it as Authorization: Bearer KEY; "
            "`arc keys create` makes one.",
            headers=_CHALLENGE,
        )
    scheme, _, secret = header.partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise ProblemError(401, "The header Authorization must be: Bearer KEY.", headers=_CHALLENGE)
    key = context.registry.authenticate(secret.strip())
    if key is None:
        raise ProblemError(
            401,
            "The API key is unknown or revoked; `arc keys create` makes another.",
            headers=_CHALLENGE,
        )
    return key


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
