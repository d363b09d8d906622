"""The HTTP application: every provider's endpoints in every space, and the control API."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from arc_simulator.answers import NORMAL, Silence, json_answer, reply_answer, stream_answer
from arc_simulator.control import control_routes
from arc_simulator.errors import Refusal
from arc_simulator.overlay import overlay
from arc_simulator.provider import Call, Endpoint, Mount, Provider
from arc_simulator.providers import PROVIDERS
from arc_simulator.rules import Rule
from arc_simulator.spaces import Recording, Space, Spaces


def create_app(spaces: Spaces) -> Starlette:
    """Make the ASGI application over a set of spaces."""
    return Starlette(
        routes=[*control_routes(spaces), *_provider_routes(spaces)],
        exception_handlers={404: _unknown_path},
    )


async def _unknown_path(request: Request, error: Exception) -> Response:
    message = f"Invalid URL ({request.method} {request.url.path})"
    body = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    return json_answer(404, {"error": body}, {})


def _provider_routes(spaces: Spaces) -> Iterator[BaseRoute]:
    for provider in PROVIDERS:
        for mount in provider.mounts:
            for endpoint in provider.endpoints:
                exchange = _Exchange(spaces, provider, mount, endpoint)
                for prefix in ("", "/spaces/{space}"):
                    path = f"{prefix}{mount.prefix}{endpoint.path}"
                    yield Route(path, exchange, methods=[endpoint.method])


class _Exchange:
    """Answers the requests to one endpoint at one mount."""

    def __init__(
        self, spaces: Spaces, provider: Provider, mount: Mount, endpoint: Endpoint
    ) -> None:
        self._spaces = spaces
        self._provider = provider
        self._mount = mount
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        request = Request(scope, receive)
        try:
            raw = await request.body()
        except ClientDisconnect:
            return
        space = self._spaces[request.path_params.get("space", "default")]
        recording = self._record(space, request, raw)
        try:
            answer = await self._answer(space, request, recording, started)
        except Refusal as refusal:
            recording.status = refusal.status
            headers = {**self._headers(started), **refusal.headers}
            answer = json_answer(refusal.status, refusal.body, headers)
        await answer(scope, receive, send)

    def _record(self, space: Space, request: Request, raw: bytes) -> Recording:
        recording = Recording(
            method=request.method,
            path=request.url.path,
            query=request.url.query,
            endpoint=self._endpoint.name,
            headers=dict(request.headers),
            body=raw,
            json=_parsed(raw),
        )
        space.recordings.append(recording)
        return recording

    async def _answer(
        self, space: Space, request: Request, recording: Recording, started: float
    ) -> ASGIApp:
        self._provider.authenticate(recording.headers)
        body = recording.json if isinstance(recording.json, dict) else None
        if body is None and self._endpoint.takes_json and recording.method == "POST":
            raise Refusal(400, self._provider.bad_json)
        deployment = request.path_params.get("deployment")
        body = {**({"model": deployment} if deployment else {}), **(body or {})}
        rule = space.choose(
            self._endpoint.name,
            self._mount.provider or space.settings.provider,
            self._seen_by_rules(body, request),
        )
        outcome = rule.outcome if rule else NORMAL
        recording.rule = rule.id if rule else None
        delay_ms = space.settings.latency_ms + (rule.latency_ms if rule else 0)
        if delay_ms:
            await asyncio.sleep(delay_ms / 1000)
        if outcome.kind in ("hang", "drop"):
            return Silence(drop=outcome.kind == "drop")
        headers = {**outcome.headers, **_retry_after(rule)}
        if outcome.kind == "error":
            failure = self._provider.server_error if outcome.body is None else outcome.body
            raise Refusal(outcome.http_status, failure, headers)
        call = Call(body, recording.body, recording.headers, request.path_params, space, outcome)
        reply = self._endpoint.reply(call)
        recording.status = 200
        headers = {**self._headers(started), **headers}
        if not isinstance(reply, dict):
            return reply_answer(self._endpoint, reply, headers, outcome)
        overlay(reply, outcome.response)
        if self._endpoint.is_stored(call):
            space.store(reply)
        streams = body.get("stream") is True or request.query_params.get("stream") == "true"
        if not streams or self._endpoint.events is None:
            reply = self._endpoint.acknowledge(call, reply)
            return reply_answer(self._endpoint, reply, headers, outcome)
        return stream_answer(
            self._endpoint,
            self._endpoint.events(call, reply),
            headers,
            outcome=outcome,
            delay_s=max(space.settings.chunk_delay_ms, outcome.chunk_delay_ms) / 1000,
        )

    def _seen_by_rules(self, body: Mapping[str, Any], request: Request) -> Mapping[str, Any]:
        """Return the request as the catalogue writes it: the body, and options of the client."""
        client: dict[str, Any] = {"base_url": self._mount.base_url.format(**request.path_params)}
        if "api-version" in request.query_params:
            client["api_version"] = request.query_params["api-version"]
        for header in ("x-stainless-read-timeout", "x-stainless-timeout"):
            value = request.headers.get(header, "")
            if value.replace(".", "", 1).isdigit():
                client.setdefault("timeout", float(value))
        return {**body, "client": client}

    def _headers(self, started: float) -> Mapping[str, str]:
        return self._provider.headers(time.perf_counter() - started)


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _retry_after(rule: Rule | None) -> Mapping[str, str]:
    if rule is None or rule.retry_after_s is None:
        return {}
    return {"retry-after": f"{rule.retry_after_s:g}"}
