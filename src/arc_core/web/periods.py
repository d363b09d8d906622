"""The period that a question is about."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from arc_core.web.fields import EPOCH, MOMENT, Field
from arc_core.web.problems import ProblemError

if TYPE_CHECKING:
    from arc_core.web.context import Context
    from arc_core.web.endpoint import Ask


def period_fields(length: str) -> tuple[Field, ...]:
    """Return the parameters; `length` says in words how long it is if they are not given."""
    return (
        Field("since", MOMENT, f"start times from this on; {length} before until"),
        Field("until", MOMENT, "start times before this; now"),
    )


def period(context: Context, ask: Ask, length: timedelta) -> tuple[datetime, datetime]:
    """Return the period that is asked for; raises `ProblemError`."""
    until = ask["until"] or context.now()
    since = ask["since"] or max(EPOCH, until - length)
    if since > until:
        raise ProblemError(400, "since is later than until; swap them.", field="since")
    return since, until
