"""Finished calls as interception would hand them over, for the tests of telemetry."""

from __future__ import annotations

import contextvars
from typing import Any, Mapping, Optional

from arc_protocol.patterns import Pattern, PatternSet
from runtime._calls import Api, FinishedCall, Server
from runtime._telemetry.runs import SESSION, marked
from runtime.providers._openai_chat import ChatReader

BODY = {
    "model": "gpt-4.1",
    "temperature": 1.2,
    "messages": [{"role": "user", "content": "Tell me a secret"}],
}
REPLY = {
    "id": "chatcmpl-1",
    "model": "gpt-4.1-2025-04-14",
    "choices": [
        {"message": {"role": "assistant", "content": "No"}, "finish_reason": "stop"},
    ],
    "usage": {"prompt_tokens": 10, "completion_tokens": 5},
}
STARTED_NS = 1_700_000_000_000_000_000


def in_session(name: str, **marks: Any) -> contextvars.Context:
    """Return a context as it is inside of a session."""
    context = contextvars.copy_context()
    context.run(SESSION.set, name)
    context.run(lambda: marked(**marks))
    return context


def finished_call(
    *documents: Mapping[str, Any],
    body: Mapping[str, Any] = BODY,
    enforced: bool = True,
    context: Optional[contextvars.Context] = None,
    **fields: Any,
) -> FinishedCall:
    """Return a finished call, decided by the patterns of these documents."""
    patterns = PatternSet([Pattern.parse(document, revision=3) for document in documents])
    decision = patterns.decide("openai", "chat", body)
    given = {
        "api": Api("chat", "chat", ChatReader()),
        "server": Server("openai", "api.openai.com", 443),
        "duration_s": 0.25,
        "overhead_s": 0.000002,
        "reply": REPLY,
        **fields,
    }
    return FinishedCall(
        patterns=patterns,
        context=contextvars.copy_context() if context is None else context,
        body=body,
        sent=decision.body if enforced and decision is not None else body,
        decision=decision,
        enforced=enforced,
        started_ns=STARTED_NS,
        **given,
    )
