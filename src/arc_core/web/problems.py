"""What is refused, as problem details (RFC 9457) with one sentence for people."""

from __future__ import annotations

import http
import json
import logging
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from arc_core.registry.errors import (
    IllegalMoveError,
    RegistryError,
    RegistryUnavailableError,
    UnknownPatternError,
)
from arc_core.storage import StoreError
from arc_protocol.errors import ArcError, PatternError

_logger = logging.getLogger("arc.core.web")

MEDIA_TYPE = "application/problem+json"

_STATUS: Mapping[type[ArcError], int] = {
    PatternError: 422,
    RegistryError: 422,
    UnknownPatternError: 404,
    IllegalMoveError: 409,
    RegistryUnavailableError: 503,
    StoreError: 503,
    ArcError: 400,
}
"""The status for what the parts of Core refuse; the nearest class counts."""


class ProblemError(Exception):
    """The request cannot be answered; the sentence says why and what to do."""

    def __init__(
        self,
        status: int,
        sentence: str,
        *,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.field = field
        """The parameter or member of the body that is refused."""
        self.headers = headers

    def response(self) -> Response:
        """Return the answer."""
        members = {
            "type": "about:blank",
            "title": http.HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.sentence,
        }
        if self.field is not None:
            members["field"] = self.field
        return Response(
            json.dumps(members), self.status, headers=self.headers, media_type=MEDIA_TYPE
        )


async def _of_problem(_request: Request, problem: Exception) -> Response:
    assert isinstance(problem, ProblemError)
    return problem.response()


async def _of_refusal(_request: Request, refusal: Exception) -> Response:
    status = next(_STATUS[kind] for kind in type(refusal).__mro__ if kind in _STATUS)
    if status == http.HTTPStatus.SERVICE_UNAVAILABLE:
        _logger.warning("%s", refusal)
    return ProblemError(status, str(refusal)).response()


async def _of_routing(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path = request.url.path
    sentences = {
        404: f"There is nothing at {path}; /openapi.json lists what there is.",
        405: f"{path} does not take {request.method}; /openapi.json lists what it takes.",
    }
    sentence = sentences.get(error.status_code, error.detail)
    return ProblemError(error.status_code, sentence, headers=error.headers).response()


async def _of_fault(_request: Request, _fault: Exception) -> Response:
    return ProblemError(500, "Arc Core failed at this request; its log has the details.").response()


HANDLERS = {
    ProblemError: _of_problem,
    ArcError: _of_refusal,
    HTTPException: _of_routing,
    Exception: _of_fault,
}
"""How Starlette answers each kind of exception."""
