"""Names a failed call, and tells which calls failed alike."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from arc_core.detection.templates import path, template
from arc_core.model.calls import HEALED
from arc_protocol.cures.facts import ErrorFacts, opened

RATE_LIMITED = "rate_limited"
OVERLOADED = "overloaded"
TIMEOUT = "timeout"
AUTHENTICATION = "authentication"
CONNECTION = "connection"
SERVER_ERROR = "server_error"
CANCELLED = "cancelled"
TRANSIENT = frozenset(
    (RATE_LIMITED, OVERLOADED, TIMEOUT, AUTHENTICATION, CONNECTION, SERVER_ERROR, CANCELLED)
)
"""Kinds of failures that no change of the request cures: they are named, and not learned from."""

CONTENT_FILTER = "content_filter"
INVALID_REQUEST = "invalid_request"
"""The provider refused the request as it was."""
ERROR = "error"
"""The call raised, and nothing says why."""

_BY_STATUS = {
    401: AUTHENTICATION,
    403: AUTHENTICATION,
    407: AUTHENTICATION,
    408: TIMEOUT,
    429: RATE_LIMITED,
    503: OVERLOADED,
    504: TIMEOUT,
    529: OVERLOADED,
}
_BY_CODE = {
    "rate_limit_exceeded": RATE_LIMITED,
    "rate_limit_error": RATE_LIMITED,
    "insufficient_quota": RATE_LIMITED,
    "resource_exhausted": RATE_LIMITED,
    "throttlingexception": RATE_LIMITED,
    "overloaded_error": OVERLOADED,
    "overloaded": OVERLOADED,
    "server_error": SERVER_ERROR,
    "internal_error": SERVER_ERROR,
    "invalid_api_key": AUTHENTICATION,
    "authentication_error": AUTHENTICATION,
    "permission_error": AUTHENTICATION,
    "content_filter": CONTENT_FILTER,
    "contentfilter": CONTENT_FILTER,
}
_BY_TYPE = (
    ("cancel", CANCELLED),
    ("generatorexit", CANCELLED),
    ("keyboardinterrupt", CANCELLED),
    ("timeout", TIMEOUT),
    ("timedout", TIMEOUT),
    ("ratelimit", RATE_LIMITED),
    ("throttl", RATE_LIMITED),
    ("overloaded", OVERLOADED),
    ("authentication", AUTHENTICATION),
    ("permission", AUTHENTICATION),
    ("connect", CONNECTION),
    ("protocolerror", CONNECTION),
    ("readerror", CONNECTION),
    ("internalserver", SERVER_ERROR),
    ("badrequest", INVALID_REQUEST),
    ("unprocessable", INVALID_REQUEST),
)
"""Parts of names of exceptions, for those that carry neither status nor code."""


class Failed(NamedTuple):
    """What a call record says of how the call failed."""

    provider: str
    operation: str
    failed: bool
    """Whether it, or the first attempt at it, ended with an error."""
    kinds: Sequence[str]
    """What is wrong with the reply."""
    status: int | None
    code: str
    param: str
    type: str
    """Class of the exception."""
    message: str

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Failed:
        """Return what a record, or a group of failures, of the call store says."""
        return cls(
            provider=row["provider"],
            operation=row["operation"],
            failed=row["failed"] or row["heal_outcome"] == HEALED,
            kinds=row["failure_kinds"],
            status=row["status_code"],
            code=row["error_code"],
            param=row["error_param"],
            type=row["error_type"],
            message=row["error_message"],
        )


@lru_cache(maxsize=4096)
def _said(status: int | None, code: str, param: str, message: str) -> ErrorFacts:
    """Return what the provider said; SDKs put its whole answer into the exception's message."""
    return opened(ErrorFacts(status, code or None, param or None, None, message))


def kind_of(call: Failed) -> str:
    """Return what kind of failure this is, "" if it is none."""
    if not call.failed:
        return call.kinds[0] if call.kinds else ""
    said = _said(call.status, call.code, call.param, call.message)
    if said.status in _BY_STATUS:
        return _BY_STATUS[said.status]
    for code in (said.code, said.type):
        if code is not None and code.lower() in _BY_CODE:
            return _BY_CODE[code.lower()]
    if said.status is not None and said.status >= 500:
        return SERVER_ERROR
    if said.status is not None and said.status >= 400:
        return INVALID_REQUEST
    # the class alone, not the package: openai.error.APIConnectionError
    name = call.type.rpartition(".")[2].lower()
    return next((kind for part, kind in _BY_TYPE if part in name), ERROR)


def identify(call: Failed) -> tuple[str, str]:
    """Return the signature of a failure, and the template of its message.

    Calls with one signature failed alike. Both are "" for a call that did not fail.
    """
    kind = kind_of(call)
    if not kind:
        return "", ""
    what: tuple[object, ...] = (kind,)
    masked = ""
    if call.failed:
        said = _said(call.status, call.code, call.param, call.message)
        masked = template(said.message)
        if kind in (INVALID_REQUEST, ERROR):
            # without words and code, the class of the exception is all there is
            words = masked or call.type
            what = (kind, said.status, said.code or "", path(said.param or ""), words)
    named = "\0".join(map(str, (call.provider, call.operation, *what)))
    return hashlib.sha256(named.encode()).hexdigest()[:16], masked
