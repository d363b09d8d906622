"""Which agent run a call is part of, and whose: the application says so, or its trace does."""

from __future__ import annotations

import contextlib
import contextvars
import sys
from typing import Any, Dict, Iterator, Mapping, Optional

from arc_protocol import semconv

SESSION: contextvars.ContextVar[Optional[str]] = contextvars.ContextVar("arc_session", default=None)
"""Name of the agent run to which the application says its calls belong."""

MARKS: contextvars.ContextVar[Mapping[str, str]] = contextvars.ContextVar("arc_marks")
"""What else the application says of its calls, as attributes."""


def marked(**given: Any) -> contextvars.Token[Mapping[str, str]]:
    """Add to the marks of the current context; None leaves one as it is."""
    marks = {_ATTRIBUTES[name]: str(value) for name, value in given.items() if value is not None}
    return MARKS.set({**MARKS.get({}), **marks})


@contextlib.contextmanager
def session(
    name: str, *, application: Optional[str] = None, pipeline: Optional[str] = None
) -> Iterator[None]:
    """Mark the calls made inside as belonging to one run, and to what that is part of."""
    token, marks = SESSION.set(name), marked(application=application, pipeline=pipeline)
    try:
        yield
    finally:
        MARKS.reset(marks)
        SESSION.reset(token)


@contextlib.contextmanager
def handoff(giver: str, taker: str) -> Iterator[None]:
    """Mark the calls made inside as those of one agent, who has it from another."""
    marks = marked(giver=giver, taker=taker)
    try:
        yield
    finally:
        MARKS.reset(marks)


def attributes(context: contextvars.Context) -> Dict[str, Optional[str]]:
    """Return the attributes of the run in whose context a call was made."""
    session, marks = context.get(SESSION), context.get(MARKS)
    said = {semconv.ARC_SESSION: None if session is None else str(session)}
    return {**marks, **said} if marks else said


_ATTRIBUTES = {
    "application": semconv.ARC_APPLICATION_ID,
    "pipeline": semconv.ARC_PIPELINE_ID,
    "giver": semconv.ARC_HANDOFF_FROM,
    "taker": semconv.ARC_HANDOFF_TO,
}


def current_run() -> Optional[str]:
    """Return the key of the run in whose context this is called; None for no run."""
    session = SESSION.get()
    if session is not None:
        return f"session:{session}"
    trace: Any = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return None
    span_context = trace.get_current_span().get_span_context()
    return f"trace:{span_context.trace_id:032x}" if span_context.is_valid else None
