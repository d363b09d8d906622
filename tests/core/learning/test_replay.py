"""What a pattern would have done to the calls in a store."""

from __future__ import annotations

import json
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from arc_core.learning.replay import replay
from arc_core.storage import CallStore, open_call_store
from arc_protocol.errors import PatternError
from core.call_records import batch, record

PATTERN = {
    "name": "cooler",
    "provider": "openai",
    "operation": "chat",
    "pattern": {"temperature": {">": 1}},
    "fix": {"temperature": {"clamp": {"high": 1}}},
}
NOW = datetime.now(timezone.utc)
PERIOD = (NOW - timedelta(days=1), NOW + timedelta(hours=1))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Any:
    opened = open_call_store(None, Path(tmp_path_factory.mktemp("store")))
    yield opened
    opened.close()


def insert(store: CallStore, *calls: dict[str, Any]) -> str:
    project = f"p{uuid.uuid4().hex}"
    made = [record(**{**call, "project": project}) for call in calls]
    store.insert(batch(*made), token=uuid.uuid4().hex)
    return project


def call(temperature: float, *, signature: str = "", operation: str = "chat") -> dict[str, Any]:
    """Return a call as it is stored; `operation` is the word of patterns."""
    responses = operation == "responses"
    return {
        "provider": "openai",
        "operation": "chat" if responses else operation,
        "api": "responses" if responses else "",
        "runtime_id": "r1",
        "failed": bool(signature),
        "failure_signature": signature,
        "error_template": f"words of {signature}",
        "request": json.dumps({"model": "m", "temperature": temperature}),
        "start_time": int(NOW.timestamp() * 1e6),
    }


def test_failing_and_healthy_calls_are_counted_apart(store: CallStore) -> None:
    """Each failure that the pattern concerns is told, with the calls that it would have changed."""
    project = insert(
        store,
        call(2, signature="hot"),
        call(1.5, signature="hot"),
        call(0, signature="cold"),
        call(1.2),
        call(0.3),
        call(0.4),
        call(2, operation="embeddings"),
        call(2, signature="other", operation="embeddings"),
    )
    found = replay(store, project, PATTERN, *PERIOD)
    assert [(one.signature, one.calls, one.changed) for one in found.failures] == [("hot", 2, 2)]
    assert found.failures[0].error_template == "words of hot"
    assert (found.failing.failing, found.failing.changed_failing) == (3, 2)
    assert (found.healthy.healthy, found.healthy.changed_healthy) == (3, 1)
    assert found.failing.still_matching == found.healthy.still_matching == 0


def test_a_pattern_for_one_of_two_apis_is_tried_on_its_calls_alone(store: CallStore) -> None:
    """Telemetry calls both `chat`, and both may fail with the same words."""
    project = insert(
        store,
        *(call(2, signature="hot", operation=word) for word in ("chat", "responses", "responses")),
        *(call(2, operation=word) for word in ("chat", "chat", "chat", "responses")),
    )
    for word, failing, healthy in (("chat", 1, 3), ("responses", 2, 1)):
        found = replay(store, project, {**PATTERN, "operation": word}, *PERIOD)
        assert (found.failing.changed_failing, found.healthy.changed_healthy) == (failing, healthy)
        assert [one.calls for one in found.failures] == [failing]


def test_pattern_for_all_operations_is_tried_on_all(store: CallStore) -> None:
    project = insert(store, call(2), call(2, operation="responses"))
    general = {"name": "any", "pattern": PATTERN["pattern"], "fix": PATTERN["fix"]}
    assert replay(store, project, general, *PERIOD).healthy.changed_healthy == 2


def test_what_is_no_pattern_is_refused(store: CallStore) -> None:
    with pytest.raises(PatternError, match="temperature"):
        replay(store, "p", {**PATTERN, "pattern": {"temperature": {"~": 1}}}, *PERIOD)
