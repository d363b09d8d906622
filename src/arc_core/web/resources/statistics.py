"""Calls, failures, fixes and tokens over time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from arc_core.web import shapes
from arc_core.web.endpoint import Ask, Endpoint
from arc_core.web.fields import Field, whole
from arc_core.web.periods import period, period_fields
from arc_core.web.problems import ProblemError
from arc_core.web.shapes import Shape

if TYPE_CHECKING:
    from arc_core.web.context import Context

MOST_STEPS = 2000

STEP = Shape(
    "Step",
    "What happened in one step; fixed counts calls to which a fix was applied, healed those that "
    "succeeded when they were sent again.",
    {
        "time": shapes.STORED_TIME,
        "calls": shapes.INTEGER,
        "failures": shapes.INTEGER,
        "fixed": shapes.INTEGER,
        "healed": shapes.INTEGER,
        "input_tokens": shapes.INTEGER,
        "output_tokens": shapes.INTEGER,
    },
)
STATISTICS = Shape(
    "Statistics",
    "Steps in which there were calls, in their order.",
    {
        "since": shapes.TIME,
        "until": shapes.TIME,
        "step_s": shapes.INTEGER,
        "steps": STEP.out.listed(),
    },
)


def _show(context: Context, ask: Ask) -> Any:
    since, until = period(context, ask, timedelta(hours=1))
    step_s = ask["step_s"]
    if (until - since) / timedelta(seconds=step_s) > MOST_STEPS:
        raise ProblemError(
            400,
            f"The period has more than {MOST_STEPS} steps of {step_s} s; "
            "give a larger step_s or a shorter period.",
            field="step_s",
        )
    steps = context.store.statistics(ask.project, since, until, step_s)
    return STATISTICS.show({"since": since, "until": until, "step_s": step_s, "steps": steps})


ENDPOINTS = (
    Endpoint(
        "GET",
        "/api/v1/statistics",
        "Count calls, failures, fixes and tokens per step of time",
        _show,
        STATISTICS.out.schema,
        query=(
            *period_fields("an hour"),
            Field("step_s", whole(1, 86_400 * 366), "length of a step in seconds", default=60),
        ),
    ),
)
