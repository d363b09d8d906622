"""Trials of patterns: how each stands, and what it waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from arc_core.registry.lifecycle import State
from arc_core.rollout.report import SHOWN, Report, report
from arc_core.web import shapes
from arc_core.web.endpoint import Ask, Endpoint
from arc_core.web.fields import FLAG, Field, choice, text
from arc_core.web.paging import PAGE, after, cut
from arc_core.web.problems import ProblemError
from arc_core.web.shapes import Out, Shape

if TYPE_CHECKING:
    from arc_core.registry.records import PatternRecord
    from arc_core.web.context import Context


def _or_null(shape: Shape) -> Out:
    return Out(
        {"anyOf": [shape.out.schema, {"type": "null"}]},
        lambda value: None if value is None else shape.show(value),
    )


ARM = Shape(
    "Arm",
    "The calls with the fix, or those without it; failed counts the failure that the fix is for, "
    "failed_any every failure.",
    {"calls": shapes.INTEGER, "failed": shapes.INTEGER, "failed_any": shapes.INTEGER},
)
RELATIVE_RISK = Shape(
    "RelativeRisk",
    "How many times as often treated calls have the failure; 1 is no effect. At any moment the "
    "true value is between low and high with a probability of 95 %; high is null where no upper "
    "bound is known, likeliest before anything has failed.",
    {
        "low": shapes.NUMBER,
        "likeliest": shapes.NUMBER.or_null(),
        "high": shapes.NUMBER.or_null(),
    },
)
GUARD = Shape(
    "Guard",
    "Something that must not become worse: quiet, worried (the share does not grow) or tripped "
    "(the pattern is withdrawn). evidence says how much speaks for treated calls being worse, "
    "limit at how much it trips.",
    {
        "name": shapes.TEXT,
        "watches": shapes.TEXT,
        "state": shapes.TEXT,
        "evidence": shapes.NUMBER,
        "limit": shapes.NUMBER,
    },
)
STEP = Shape(
    "Step",
    "A step that the evidence proposes, and that waits for a person's approval.",
    {"to": shapes.VALUE, "share": shapes.NUMBER, "reason": shapes.TEXT},
)
ROLLOUT = Shape(
    "Rollout",
    "How the trial of a pattern stands. share is that of the matching calls that get the fix, "
    "calls are matching ones seen in this state; where unit is run, whole agent runs are assigned "
    "and counted instead of calls. The arms and what is told of them are null "
    "before calls are treated. benefit and benefit_any are the evidence that treated calls have "
    "this failure, or any, less often; the fix is proven when both reach needed. waits_for says "
    "in words what the next step takes, calls_to_go in matching calls, null where nobody knows.",
    {
        "name": shapes.TEXT,
        "revision": shapes.INTEGER,
        "state": shapes.VALUE,
        "share": shapes.NUMBER,
        "since": shapes.TIME,
        "signature": shapes.TEXT,
        "rate_before": shapes.NUMBER,
        "unit": shapes.TEXT,
        "calls": shapes.INTEGER,
        "control": _or_null(ARM),
        "treated": _or_null(ARM),
        "relative_risk": _or_null(RELATIVE_RISK),
        "benefit": shapes.NUMBER.or_null(),
        "benefit_any": shapes.NUMBER.or_null(),
        "needed": shapes.NUMBER.or_null(),
        "guards": GUARD.out.listed(),
        "waits_for": shapes.TEXT,
        "calls_to_go": shapes.INTEGER.or_null(),
        "proposed": _or_null(STEP),
    },
)
ROLLOUTS = Shape(
    "Rollouts",
    "Trials in the order of the patterns' precedence, and where the next page begins.",
    {"rollouts": ROLLOUT.out.listed(), "next_cursor": shapes.TEXT.or_null()},
)


def _name(found: Report) -> str:
    return found.name


def _report(context: Context, record: PatternRecord) -> Report | None:
    return report(context.registry, record, context.rollout, context.now())


def _list(context: Context, ask: Ask) -> Any:
    wanted = SHOWN if ask["state"] is None else {ask["state"]}
    records = [each for each in context.registry.patterns(ask.project) if each.state in wanted]
    found = [each for each in (_report(context, record) for record in records) if each is not None]
    if ask["waiting"] is not None:
        found = [each for each in found if (each.proposed is not None) == ask["waiting"]]
    page, cursor = cut(after(found, _name, ask["cursor"]), _name, ask["limit"])
    return ROLLOUTS.show({"rollouts": page, "next_cursor": cursor})


def _show(context: Context, ask: Ask) -> Any:
    record = context.registry.pattern(ask.project, ask["name"])
    found = _report(context, record)
    if found is None:
        raise ProblemError(
            404, f'Pattern "{record.name}" is {record.state.value} without ever having a trial.'
        )
    return ROLLOUT.show(found)


ENDPOINTS = (
    Endpoint(
        "GET",
        "/api/v1/rollouts",
        "List the patterns on trial or proven: arms, effect, evidence, guards",
        _list,
        ROLLOUTS.out.schema,
        query=(
            Field("state", choice(State), "patterns in this state, also one in which trials end"),
            Field("waiting", FLAG, "true: those that wait for approval alone, false: the others"),
            *PAGE,
        ),
    ),
    Endpoint(
        "GET",
        "/api/v1/rollouts/{name}",
        "Show how the trial of a pattern stands, or how it ended",
        _show,
        ROLLOUT.out.schema,
        place=(Field("name", text(), "name of the pattern", required=True),),
        refusals=(404,),
    ),
)
