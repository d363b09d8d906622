"""The endpoints, one file per resource, each with its part of the table in `ENDPOINTS`."""

from __future__ import annotations

from arc_core.web.resources import (
    calls,
    failures,
    feedback,
    info,
    keys,
    patterns,
    replay,
    rollouts,
    runtimes,
    statistics,
)

ENDPOINTS = (
    *info.ENDPOINTS,
    *patterns.ENDPOINTS,
    *failures.ENDPOINTS,
    *calls.ENDPOINTS,
    *feedback.ENDPOINTS,
    *statistics.ENDPOINTS,
    *replay.ENDPOINTS,
    *rollouts.ENDPOINTS,
    *runtimes.ENDPOINTS,
    *keys.ENDPOINTS,
)
"""The whole interface; routes and their description are made from it."""
