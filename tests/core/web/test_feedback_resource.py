"""What is said of replies, over HTTP."""

from __future__ import annotations

import uuid
from typing import Any

from core.call_records import record, said
from core.web.served import Served
from core.web.test_live import watching


def call(**values: Any) -> dict[str, Any]:
    stated = {"project": "default", "provider": "openai", "operation": "chat"}
    return record(**{**stated, "response_id": f"chatcmpl-{uuid.uuid4().hex}", **values})


def test_a_call_shows_what_is_said_of_its_reply(core: Served) -> None:
    """And fails of it, in lists, groups and alone."""
    talked_of = call()
    word = said(talked_of, label="rude", explanation="it swore", score=0.0)
    core.insert(talked_of, feedback=[word])
    shown = core.ask(f"/api/v1/calls/{talked_of['span_id']}").json
    (only,) = shown["feedback"]
    assert (only["outcome"], only["label"], only["score"]) == ("bad", "rude", 0.0)
    assert (only["explanation"], only["source"]) == ("it swore", "end_user")
    assert only["given_at"].endswith("Z")
    assert (shown["failure_kinds"], shown["error_code"]) == (["feedback"], "rude")
    failures = core.ask("/api/v1/failures").json["failures"]
    (group,) = [each for each in failures if each["signature"] == shown["failure_signature"]]
    assert (group["kind"], group["error_code"]) == ("feedback", "rude")
    listed = core.ask(f"/api/v1/calls?signature={group['signature']}").json["calls"]
    assert [each["span_id"] for each in listed] == [talked_of["span_id"]]
    assert listed[0]["feedback"] == shown["feedback"]


def test_feedback_of_unknown_calls_is_listed_and_counted(core: Served) -> None:
    key = core.key("counted")
    known = call(project="counted")
    word, lost = said(known, "good"), said(call(project="counted"), response_id="lost")
    core.insert(known, feedback=[word, lost])
    found = core.ask("/api/v1/feedback", key=key).json
    assert found["counts"] == {"good": 1, "bad": 1, "neither": 0, "unknown": 1}
    places = {each["response_id"]: each["call_span_id"] for each in found["feedback"]}
    assert places == {known["response_id"]: known["span_id"], "lost": ""}
    assert len(core.ask("/api/v1/feedback?limit=1", key=key).json["feedback"]) == 1


def test_feedback_is_seen_as_it_is_stored(core: Served) -> None:
    """By who watches all calls: it does not say of itself which ones it belongs to."""
    talked_of = call()
    word = said(talked_of, label="rude")
    with watching(core) as seen, watching(core, "?failed=true") as failing:
        core.insert(talked_of, feedback=[word])
        core.insert(call(failed=True), feedback=[said(call(project="other"))])
        assert next(seen)[0] == "call"
        name, shown = next(seen)
        assert (name, shown["label"], shown["span_id"]) == ("feedback", "rude", word.span_id)
        assert next(seen)[0] == "call"
        assert next(failing)[0] == "call"
