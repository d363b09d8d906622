"""From calls of an application to what learning asks the store for, over real gRPC."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import openai
import pytest

from arc_core.learning.recorded import examples
from arc_core.storage import CallStore
from core.collector.running import Collector
from runtime import Arc

ASKED: dict[str, Any] = {
    "model": "gpt-5",
    "messages": [{"role": "user", "content": "a secret"}],
    "max_completion_tokens": 50,
}


@pytest.fixture
def arc(
    running: Collector, project: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Arc]:
    monkeypatch.chdir(tmp_path)
    made = Arc(
        endpoint=f"grpc://{running.grpc_address}",
        api_key=f"project-{project}",
        metrics_port=0,
        heal=False,
        capture_content=False,
        cache_dir=str(tmp_path),
    )
    yield made
    made.shutdown()


def test_a_healed_call_is_a_failure_to_learn_from(
    arc: Arc, store: CallStore, project: str, space: Any
) -> None:
    """The application got its reply; what the provider refused is the request as it was."""
    Arc(heal=True)
    space.rules(["openai-chat-temperature-only-default"])
    with openai.OpenAI(base_url=space.base_url, api_key="k", max_retries=0) as client:
        client.chat.completions.create(**ASKED, temperature=0.2)
        Arc(heal=False)
        with pytest.raises(openai.BadRequestError):
            client.chat.completions.create(**ASKED, temperature=0.5)
    assert arc.flush(10)
    since = datetime.now(timezone.utc) - timedelta(hours=1)
    (group,) = store.failure_groups(project, since, since + timedelta(hours=2))
    assert (group["count"], group["healed"], group["status_code"]) == (2, 1, 400)
    rows = store.failing(project, group["signature"], since, 10)
    assert [row["heal_outcome"] for row in rows] == ["", "healed"]
    assert [json.loads(row["request"])["temperature"] for row in rows] == [0.5, 0.2]
    assert [each.error is not None for each in examples(rows)] == [True, True]
    assert store.healthy(project, "openai", "chat", since, 10) == []
    (step,) = store.statistics(project, since, since + timedelta(hours=2), 86_400)[-1:]
    assert (step["failures"], step["healed"]) == (1, 1)


def test_what_people_say_of_a_reply_is_a_failure_of_its_call(
    arc: Arc, running: Collector, store: CallStore, project: str, space: Any
) -> None:
    """Said once the call is stored, and again by a sender that did not hear the answer."""
    before = running.metric("arc_core_feedback_total", outcome="bad")
    with openai.OpenAI(base_url=space.base_url, api_key="k", max_retries=0) as client:
        rude, polite = (client.chat.completions.create(**ASKED) for _ in range(2))
    assert arc.flush(10)
    arc.feedback(rude, outcome="bad", label="rude")
    arc.feedback(polite.id, score=0.9)
    arc.feedback("chatcmpl-of-another", outcome="bad")
    assert arc.flush(10)

    since = datetime.now(timezone.utc) - timedelta(hours=1)
    until = since + timedelta(hours=2)
    (group,) = store.failure_groups(project, since, until)
    assert (group["failure_kinds"], group["error_code"]) == (["feedback"], "rude")
    assert (group["count"], group["calls"]) == (1, 2)
    (row,) = store.failing(project, group["signature"], since, 10)
    assert row["response_id"] == rude.id
    assert json.loads(row["request"])["max_completion_tokens"] == 50
    assert [each.error for each in examples([row])] == [None]
    (well,) = store.healthy(project, "openai", "chat", since, 10)
    assert [(each["outcome"], each["score"]) for each in well["feedback"]] == [("good", 0.9)]
    counts = store.feedback_counts(project, since, until)
    assert counts == {"good": 1, "bad": 2, "neither": 0, "unknown": 1}
    (named, *_) = [each for each in store.feedback(project, since, until) if each["label"]]
    assert named["call_span_id"] == row["span_id"]
    assert named["trace_id"] == row["trace_id"]
    assert running.metric("arc_core_feedback_total", outcome="bad") == before + 2


def test_failing_and_healthy_requests_are_there_without_their_words(
    arc: Arc, store: CallStore, project: str, space: Any
) -> None:
    space.rules(["openai-chat-temperature-only-default"])
    with openai.OpenAI(base_url=space.base_url, api_key="k", max_retries=0) as client:
        for temperature in (0.2, 0.5):
            with pytest.raises(openai.BadRequestError):
                client.chat.completions.create(**ASKED, temperature=temperature)
        client.chat.completions.create(**ASKED)
        client.chat.completions.create(**{**ASKED, "max_completion_tokens": 2})
    assert arc.flush(10)

    since = datetime.now(timezone.utc) - timedelta(hours=1)
    groups = store.failure_groups(project, since, since + timedelta(hours=2))
    refused, short = groups
    assert (refused["count"], refused["status_code"]) == (2, 400)
    assert "'temperature' does not support <n>" in refused["error_template"]
    assert (short["count"], short["failure_kinds"]) == (1, ["truncated"])

    failing = store.failing(project, refused["signature"], since, 10)
    assert [json.loads(row["request"])["temperature"] for row in failing] == [0.5, 0.2]
    assert all("secret" not in row["request"] for row in failing)
    (well,) = store.healthy(project, "openai", "chat", since, 10)
    assert "temperature" not in json.loads(well["request"])
    assert well["request_model"] == "gpt-5"
