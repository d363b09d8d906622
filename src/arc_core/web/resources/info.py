"""What this Core is, where its data is, and whether it is well."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response

from arc_core.web import shapes
from arc_core.web.endpoint import Ask, Endpoint
from arc_core.web.problems import ProblemError
from arc_core.web.shapes import Shape
from arc_protocol.version import __version__

if TYPE_CHECKING:
    from arc_core.web.context import Context

STORE = Shape(
    "Store",
    "Where the calls are. calls, size_bytes and oldest are of all projects, so they are null for "
    "callers with a key, who see one.",
    {
        "engine": shapes.TEXT,
        "version": shapes.TEXT,
        "location": shapes.TEXT,
        "calls": shapes.INTEGER.or_null(),
        "size_bytes": shapes.INTEGER.or_null(),
        "oldest": shapes.TIME.or_null(),
    },
)
PATTERN_SET = Shape(
    "PatternSet",
    "What is in force; the version grows with every change as long as the epoch stays.",
    {
        "epoch": shapes.TEXT,
        "version": shapes.INTEGER,
        "digest": shapes.TEXT,
        "patterns": shapes.INTEGER,
    },
)
STOP = Shape(
    "Stop",
    "All patterns of the project are out of force, until they are resumed together.",
    {"at": shapes.TIME, "author": shapes.TEXT, "reason": shapes.TEXT},
)
INFO = Shape(
    "Info",
    "A Core, and the caller's project in it; stopped is null but while all patterns are.",
    {
        "version": shapes.TEXT,
        "started_at": shapes.TIME,
        "time": shapes.TIME,
        "project": shapes.TEXT,
        "store": STORE.out,
        "registry": shapes.TEXT,
        "pattern_set": PATTERN_SET.out,
        "stopped": STOP.out.or_null(),
    },
)
HEALTH = Shape("Health", "All is well.", {"status": shapes.TEXT})


def _info(context: Context, ask: Ask) -> Any:
    store = asdict(context.store.info())
    if ask.key is not None:
        store.update(calls=None, size_bytes=None, oldest=None)
    pattern_set = context.registry.pattern_set(ask.project)
    return INFO.show(
        {
            "version": __version__,
            "started_at": context.started_at,
            "time": context.now(),
            "project": ask.project,
            "store": store,
            "registry": context.registry.location,
            "pattern_set": {
                "epoch": pattern_set.epoch,
                "version": pattern_set.version,
                "digest": pattern_set.digest,
                "patterns": len(pattern_set.entries),
            },
            "stopped": context.registry.current_stop(ask.project),
        }
    )


def _health(_context: Context, _ask: Ask) -> Any:
    return HEALTH.show({"status": "ok"})


def _ready(context: Context, _ask: Ask) -> Any:
    sentence = context.unready()
    if sentence is not None:
        raise ProblemError(503, sentence)
    return HEALTH.show({"status": "ready"})


def _metrics(context: Context, _ask: Ask) -> Response:
    return Response(generate_latest(context.metrics), headers={"Content-Type": CONTENT_TYPE_LATEST})


ENDPOINTS = (
    Endpoint(
        "GET",
        "/api/v1/info",
        "Say what this Core is, where its data is and what is in force",
        _info,
        INFO.out.schema,
    ),
    Endpoint(
        "GET", "/healthz", "Say that the process is alive", _health, HEALTH.out.schema, open=True
    ),
    Endpoint(
        "GET",
        "/readyz",
        "Say whether calls can be taken now",
        _ready,
        HEALTH.out.schema,
        refusals=(503,),
        open=True,
    ),
    Endpoint(
        "GET",
        "/metrics",
        "Metrics for Prometheus",
        _metrics,
        {"type": "string"},
        media_type="text/plain",
    ),
)
