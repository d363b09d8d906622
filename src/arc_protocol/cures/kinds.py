"""What kind of failure an error is: of the request, or of something that no change of it cures."""

from __future__ import annotations

from arc_protocol.cures.facts import ErrorFacts

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


def error_kind(said: ErrorFacts, exception: str) -> str:
    """Return the kind of an error with its envelopes opened, which was raised as this class."""
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
    name = exception.rpartition(".")[2].lower()
    return next((kind for part, kind in _BY_TYPE if part in name), ERROR)
