"""What `arc core` may take of the disk, of memory and of the calls, in a process of its own."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from arc_core.storage import open_call_store
from core.call_records import DAY, NOW, batch, record
from core.core_process import CoreProcess, core, run
from core.learner.traffic import call, refused, traffic
from core.server.rest import get

OTHER = (
    "Unsupported value: 'top_p' does not support 0.2 with this model. "
    "Only the default (1) value is supported."
)


def wait_for(process: CoreProcess, path: str, holds: Any) -> Any:
    """Return an answer once it is as it should be."""
    until = time.monotonic() + 30
    while not holds(found := get(process, path)):
        assert time.monotonic() < until, (found, process.log)
        time.sleep(0.05)
    return found


def test_the_oldest_days_go_when_there_is_too_much(tmp_path: Path) -> None:
    """As many as it takes; today's calls stay, however much they are."""
    store = open_call_store(None, tmp_path)
    for age in range(4):
        said = os.urandom(700_000).hex()  # no engine makes it smaller than a byte for two digits
        day = record(received_at=NOW - age * DAY, start_time=NOW - age * DAY, body=said)
        store.insert(batch(day), token=f"day-{age}")
    store.close()
    # 0.7 MB a day: three days fit into 2.5 MB
    with core(tmp_path, "--retention-gb", "0.0025") as process:
        wait_for(process, "/api/v1/info", lambda info: info["store"]["calls"] == 3)
        assert "Old calls were dropped: 0.7 MB." in process.log
    with core(tmp_path, "--retention-gb", "0.001") as process:
        wait_for(process, "/api/v1/info", lambda info: info["store"]["calls"] == 1)


def test_a_memory_limit_that_is_too_low_is_named(tmp_path: Path) -> None:
    """The engine refuses, and whoever started Core reads what to change."""
    done = run("--data", str(tmp_path), "--port", "0", "--http-port", "0", "--memory-mb", "1")
    assert done.returncode == 1
    assert "give it more, the embedded one by --memory-mb" in done.stderr
    assert "Traceback" not in done.stderr
    with core(tmp_path, "--memory-mb", "200") as process:
        assert get(process, "/readyz") == {"status": "ready"}


@pytest.mark.parametrize(("most", "on_trial"), [("1", 1), ("2", 2)])
def test_no_more_learned_patterns_change_calls_than_may(
    tmp_path: Path, most: str, on_trial: int
) -> None:
    """Two failures are learned from; the fix of the second one waits in the shadow."""
    store = open_call_store(None, tmp_path)
    store.insert(traffic("default", 12), token="temperature")
    more = []
    for number in range(12):
        request = {"model": "atlas", "top_p": 0.2, "messages": [{"role": "user"}]}
        known = refused("default", 1000 + 2 * number)
        error = {
            name: known[name] for name in ("failed", "status_code", "error_type", "error_code")
        }
        error |= {"error_param": "top_p", "error_message": OTHER}
        more.append(call("default", 1000 + 2 * number, request, **error))
        plain = {"model": "atlas", "messages": []}
        more.append(call("default", 1001 + 2 * number, plain))
    store.insert(batch(*more), token="top_p")
    store.close()
    with core(tmp_path, "--max-learned", most, "--learn-interval", "0.2") as process:
        found = wait_for(
            process, "/api/v1/rollouts", lambda shown: len(settled(shown["rollouts"])) == 2
        )["rollouts"]
    states = sorted(each["state"] for each in found)
    assert states == ["canary"] * on_trial + ["shadow"] * (2 - on_trial)
    waiting = [each["waits_for"] for each in found if each["state"] == "shadow"]
    assert all("1 learned patterns are in force or on trial" in each for each in waiting)


def settled(rollouts: list[dict[str, Any]]) -> list[str]:
    """Return the names of those that change calls, or wait for another one."""
    return [
        each["name"]
        for each in rollouts
        if each["state"] == "canary" or "has to wait" in each["waits_for"]
    ]
