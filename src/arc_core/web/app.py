"""Makes the ASGI application from the table of endpoints."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from arc_core.web.access import LocalGuard
from arc_core.web.endpoint import Ask, Endpoint
from arc_core.web.openapi import describe
from arc_core.web.problems import HANDLERS
from arc_core.web.resources import ENDPOINTS

if TYPE_CHECKING:
    from starlette.requests import Request

    from arc_core.web.context import Context


def create_app(context: Context) -> Starlette:
    """Make the application; end its streams with `context.live.close()` before its server ends."""
    app = Starlette(
        routes=[*context.routes, *_routes(context, _table(context))],
        middleware=[] if context.gate.demand_key else [Middleware(LocalGuard)],
        exception_handlers=HANDLERS,
    )
    app.router.redirect_slashes = False
    return app


def _table(context: Context) -> list[Endpoint]:
    """Return all endpoints, with the one that describes them and the further routes."""
    description: dict[str, Any] = {}

    def show(_context: Context, _ask: Ask) -> Any:
        return description

    own = Endpoint(
        "GET", "/openapi.json", "Describe this interface", show, {"type": "object"}, open=True
    )
    table = [*ENDPOINTS, own]
    description.update(describe(table))
    description["paths"].update(context.described)
    return table


def _routes(context: Context, table: Iterable[Endpoint]) -> list[BaseRoute]:
    by_path: dict[str, dict[str, Endpoint]] = {}
    for endpoint in table:
        by_path.setdefault(endpoint.path, {})[endpoint.method] = endpoint
    # parameters take slashes as well, as pattern names may have them: so the longest path first
    paths = sorted(by_path, key=lambda path: ("{" in path, -len(path)))
    return [
        Route(
            path.replace("}", ":path}"),
            _serve(context, by_path[path]),
            methods=[*by_path[path]],
        )
        for path in paths
    ]


def _serve(
    context: Context, methods: dict[str, Endpoint]
) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        return await methods[method].serve(context, request)

    return serve
