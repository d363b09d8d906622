"""Drops calls that are older, or more, than the settings allow."""

from __future__ import annotations

import asyncio
import logging

from arc_core.config import Settings
from arc_core.storage import CallStore

_logger = logging.getLogger("arc.core")

_PERIOD_S = 600.0
_GB = 1_000_000_000


async def keep_within_limits(store: CallStore, settings: Settings) -> None:
    """Enforce the limits now and every ten minutes, until cancelled."""
    max_bytes = None if settings.retention_gb is None else int(settings.retention_gb * _GB)
    while True:
        try:
            freed = await asyncio.to_thread(
                store.enforce_retention, max_age_days=settings.retention_days, max_bytes=max_bytes
            )
        except Exception as problem:
            _logger.warning("Old calls could not be dropped: %s", problem)
        else:
            if freed:
                _logger.info("Old calls were dropped: %.1f MB.", freed / 1e6)
        await asyncio.sleep(_PERIOD_S)
