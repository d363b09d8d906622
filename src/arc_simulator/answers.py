"""Answers on the wire: whole, streamed, or broken on purpose."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from arc_simulator.provider import Endpoint, Reply
from arc_simulator.rules import Outcome

DROP_EXTENSION = "arc.drop_connection"
"""Key in the ASGI scope's extensions of a function that closes the connection."""

NORMAL = Outcome(kind="soft")


def json_answer(status: int, body: Any, headers: Mapping[str, str]) -> Response:
    """Answer with a JSON document, or with plain text when the body is a string."""
    if isinstance(body, str):
        return Response(body, status, dict(headers), media_type="text/plain")
    return Response(encode(body), status, dict(headers), media_type="application/json")


def encode(body: Any) -> bytes:
    """Write JSON in ASCII, so that lone surrogates echoed from a request survive."""
    return json.dumps(body, separators=(",", ":")).encode("ascii")


def reply_answer(
    endpoint: Endpoint, reply: Reply, headers: Mapping[str, str], outcome: Outcome = NORMAL
) -> ASGIApp:
    """Answer with a whole reply."""
    content = reply if isinstance(reply, bytes) else encode(reply)
    if outcome.kind == "invalid_json":
        content = content[: len(content) // 2]
    if outcome.kind == "truncated_stream":
        return _Truncated(content, headers)
    return Response(content, 200, dict(headers), media_type=endpoint.media_type)


def stream_answer(
    endpoint: Endpoint,
    events: Sequence[bytes],
    headers: Mapping[str, str],
    *,
    outcome: Outcome = NORMAL,
    delay_s: float = 0.0,
) -> ASGIApp:
    """Answer with server-sent events."""
    return _Events(endpoint, events, headers, outcome, delay_s)


class Silence:
    """Never answers; ends when the client gives up, or closes the connection at once."""

    def __init__(self, *, drop: bool = False) -> None:
        self._drop = drop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Keep quiet until the client has gone."""
        if self._drop:
            _drop_connection(scope)
        while (await receive())["type"] != "http.disconnect":
            pass


class _Events:
    """A stream that takes its time and may break off or end in an error."""

    def __init__(
        self,
        endpoint: Endpoint,
        events: Sequence[bytes],
        headers: Mapping[str, str],
        outcome: Outcome,
        delay_s: float,
    ) -> None:
        self._events = events
        self._headers = headers
        self._delay_s = delay_s
        self._finish = _STREAM_ENDS.get(outcome.kind)
        self._outcome = outcome
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = StreamingResponse(
            self._body(scope), 200, dict(self._headers), media_type="text/event-stream"
        )
        await response(scope, receive, send)

    async def _body(self, scope: Scope) -> AsyncIterator[bytes]:
        events = self._events if self._finish is None else self._events[: self._outcome.after]
        for position, event in enumerate(events):
            if position and self._delay_s:
                await asyncio.sleep(self._delay_s)
            yield event
        if self._finish is not None:
            yield await self._finish(scope, self._endpoint, self._outcome)


async def _break_off(scope: Scope, endpoint: Endpoint, outcome: Outcome) -> bytes:
    _drop_connection(scope)
    return await asyncio.Future()  # until the lost connection cancels the stream


async def _report_error(scope: Scope, endpoint: Endpoint, outcome: Outcome) -> bytes:
    return endpoint.error_event(outcome.body) if endpoint.error_event else b""


async def _write_garbage(scope: Scope, endpoint: Endpoint, outcome: Outcome) -> bytes:
    return b'data: {"id": \n\n'


_STREAM_ENDS: Mapping[str, Callable[[Scope, Endpoint, Outcome], Awaitable[bytes]]] = {
    "truncated_stream": _break_off,
    "error_event": _report_error,
    "invalid_json": _write_garbage,
}


class _Truncated:
    """Promises a whole body and closes the connection after half of it."""

    def __init__(self, content: bytes, headers: Mapping[str, str]) -> None:
        self._content = content
        self._headers = {**headers, "content-length": str(len(content))}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(name.encode(), value.encode()) for name, value in self._headers.items()]
        half = self._content[: len(self._content) // 2]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": half, "more_body": True})
        await Silence(drop=True)(scope, receive, send)


def _drop_connection(scope: Scope) -> None:
    scope["extensions"][DROP_EXTENSION]()
