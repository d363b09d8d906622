"""One line of the table of routes, and how it answers a request."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from arc_core.access import DEFAULT_PROJECT
from arc_core.web import access
from arc_core.web.fields import Field, Schema, read_body, read_query, read_value
from arc_core.web.problems import ProblemError

if TYPE_CHECKING:
    from arc_core.registry.keys import Key
    from arc_core.web.context import Context

MOST_BODY_BYTES = 64 * 1024 * 1024
"""Room for an import of as many patterns as a set may have."""


@dataclass(frozen=True)
class Ask:
    """A request that has been read."""

    key: Key | None
    """None on this machine, where no key is needed."""
    values: Mapping[str, Any]
    """Parameters and members of the body by name; the default for what is not given."""

    @property
    def project(self) -> str:
        """The only project that the caller sees."""
        return DEFAULT_PROJECT if self.key is None else self.key.project

    @property
    def author(self) -> str:
        """Who changes something."""
        return "local" if self.key is None else self.key.name

    def __getitem__(self, name: str) -> Any:
        return self.values[name]


@dataclass(frozen=True)
class Endpoint:
    """A method of a path: what it takes, what it does, what it answers."""

    method: str
    path: str
    summary: str
    run: Callable[[Context, Ask], Any]
    """Returns the JSON of the answer, or a response; runs in a thread and may block."""
    answer: Schema | None
    """None for an answer without content."""
    place: Sequence[Field] = ()
    """Parameters in the path."""
    query: Sequence[Field] = ()
    body: Sequence[Field] | None = None
    """None where no body is taken."""
    media_type: str = "application/json"
    """Of the answer."""
    status: int = 200
    refusals: Sequence[int] = ()
    """Statuses of refusals beyond those that every endpoint has."""
    open: bool = False
    """Whether the answer is for everybody, without a key."""

    async def serve(self, context: Context, request: Request) -> Response:
        """Answer a request; raises `ProblemError` and what the parts of Core refuse."""
        key = None
        if not self.open:
            key = await access.authenticate(context.gate, request)
        values = read_query(self.query, request.query_params.multi_items())
        for field in self.place:
            values[field.name] = read_value(field, request.path_params[field.name])
        if self.body is not None:
            raw = await _body(request)
            values.update(await run_in_threadpool(read_body, self.body, raw))
        return await run_in_threadpool(self._answer, context, Ask(key, values))

    def _answer(self, context: Context, ask: Ask) -> Response:
        result = self.run(context, ask)
        if isinstance(result, Response):
            return result
        if self.answer is None:
            return Response(status_code=self.status)
        # ASCII, as patterns may hold single surrogates, which UTF-8 cannot
        text = json.dumps(result, separators=(",", ":"))
        return Response(text, self.status, media_type=self.media_type)


async def _body(request: Request) -> bytes:
    # demanding this type also keeps out the forms that any web page can send
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise ProblemError(415, "Send the body as JSON, with Content-Type: application/json.")
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MOST_BODY_BYTES:
            raise ProblemError(
                413, f"The body is longer than {MOST_BODY_BYTES // 2**20} MiB; send it in parts."
            )
        parts.append(part)
    return b"".join(parts)
