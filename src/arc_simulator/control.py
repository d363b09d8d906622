"""The control API: rules, settings and recordings of each space."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from arc_simulator.answers import json_answer
from arc_simulator.catalogue import parse_rules
from arc_simulator.errors import RuleError
from arc_simulator.spaces import Space, Spaces


def control_routes(spaces: Spaces) -> list[BaseRoute]:
    """Return the routes of the control API."""

    async def health(request: Request) -> Response:
        return json_answer(200, {"status": "ok"}, {})

    async def requests(request: Request) -> Response:
        space = spaces[request.path_params["space"]]
        return json_answer(200, {"requests": [each.to_json() for each in space.recordings]}, {})

    async def reset(request: Request) -> Response:
        spaces.reset(request.path_params["space"])
        return json_answer(200, {}, {})

    def change(apply: Callable[[Space, Any], None]) -> Callable[[Request], Any]:
        async def put(request: Request) -> Response:
            try:
                apply(spaces[request.path_params["space"]], json.loads(await request.body()))
            except (RuleError, ValueError, RecursionError) as error:
                return json_answer(400, {"error": str(error)}, {})
            return json_answer(200, {}, {})

        return put

    space = "/_simulator/spaces/{space}"
    return [
        Route("/_simulator/health", health, methods=["GET"]),
        Route(f"{space}/rules", change(_use_rules), methods=["PUT"]),
        Route(f"{space}/settings", change(_apply_settings), methods=["PUT"]),
        Route(f"{space}/requests", requests, methods=["GET"]),
        Route(space, reset, methods=["DELETE"]),
    ]


def _use_rules(space: Space, document: Any) -> None:
    space.use(parse_rules(document))


def _apply_settings(space: Space, document: Any) -> None:
    if not isinstance(document, Mapping):
        raise RuleError(f"settings: {document!r} is not a mapping")
    space.apply(space.settings.replace(document))
