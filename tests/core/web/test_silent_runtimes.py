"""Runtimes whose Core was killed before it could note that they had gone."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

from arc_core.storage import CallStore
from core.web.served import served


def test_a_runtime_that_is_silent_for_long_is_not_connected(
    store: CallStore, tmp_path: Path
) -> None:
    later = [timedelta()]
    with served(store, tmp_path, now=lambda: datetime.now(timezone.utc) + later[0]) as core:
        core.runtime("r")
        for minutes, connected in ((1, True), (4, False)):
            later[0] = timedelta(minutes=minutes)
            (shown,) = core.ask("/api/v1/runtimes").json["runtimes"]
            assert shown["connected"] is connected
