"""What somebody says of a reply, and the failure that this makes of its call."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from arc_core.model.columns import Column, Kind

FAILURE = "feedback"
"""The kind of a failure that only people see."""

COLUMNS: tuple[Column, ...] = (
    Column("project", Kind.NAME, "project of the key with which it was reported"),
    Column("received_at", Kind.TIME, "when Core got it, by Core's clock"),
    Column("given_at", Kind.TIME, "when it was given, by the application's clock"),
    Column("trace_id", Kind.TEXT, "32 hexadecimal digits"),
    Column("span_id", Kind.TEXT, "16 hexadecimal digits, of the feedback itself"),
    Column("call_span_id", Kind.TEXT, "of the call; empty where the sender did not know it"),
    Column("response_id", Kind.TEXT, "the provider's id of the reply"),
    Column("outcome", Kind.NAME, "good, bad or empty: neither"),
    Column("score", Kind.NUMBER, "from 0, the worst, to 1", nullable=True),
    Column("label", Kind.NAME, "short name for what is the matter"),
    Column("source", Kind.NAME, "end_user, builder, code or llm"),
    Column("explanation", Kind.TEXT, "in words; empty when content is not captured"),
    Column("service", Kind.NAME, "service.name of the application that reported it"),
)
"""The fields of `Feedback`, in their order."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """One judgement; `COLUMNS` says what the fields mean."""

    project: str
    received_at: int
    given_at: int
    trace_id: str
    span_id: str
    call_span_id: str
    response_id: str
    outcome: str
    score: float | None
    label: str
    source: str
    explanation: str
    service: str


def signature(provider: str, operation: str, label: str) -> str:
    """Return what calls of one provider and operation share whose replies were called this."""
    named = "\0".join((provider, operation, FAILURE, label))
    return hashlib.sha256(named.encode()).hexdigest()[:16]
