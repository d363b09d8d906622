"""Names a failed call, and tells which calls failed alike."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from arc_core.detection.templates import path, template
from arc_core.model import feedback
from arc_core.model.calls import HEALED
from arc_core.model.operations import called
from arc_protocol.cures.facts import ErrorFacts, opened
from arc_protocol.cures.kinds import ERROR, INVALID_REQUEST, error_kind


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
    api: str = ""
    """Which of the provider's APIs, where one operation has several."""

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
            api=row["api"],
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
    return error_kind(said, call.type)


def identify(call: Failed) -> tuple[str, str]:
    """Return the signature of a failure, and the template of its message.

    Calls with one signature failed alike. Both are "" for a call that did not fail.
    """
    kind = kind_of(call)
    if not kind:
        return "", ""
    if kind == feedback.FAILURE:
        return feedback.signature(call.provider, call.operation, call.code), ""
    what: tuple[object, ...] = (kind,)
    masked = ""
    if call.failed:
        said = _said(call.status, call.code, call.param, call.message)
        masked = template(said.message)
        if kind in (INVALID_REQUEST, ERROR):
            # without words and code, the class of the exception is all there is
            words = masked or call.type
            what = (kind, said.status, said.code or "", path(said.param or ""), words)
    named = "\0".join(map(str, (call.provider, called(call.operation, call.api), *what)))
    return hashlib.sha256(named.encode()).hexdigest()[:16], masked
