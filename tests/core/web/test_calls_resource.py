"""Calls, traces, failures, statistics and Runtimes over HTTP."""

from __future__ import annotations

import json
import uuid
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlencode

import pytest

from arc_core.registry.runtimes import Verdict
from core.call_records import HOUR, NOW, SECOND, record
from core.web.served import Served, failing


def iso(microseconds: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=microseconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Project:
    """A project of its own for each test, on the store that they share."""

    def __init__(self, core: Served, name: str) -> None:
        self.core = core
        self.name = name
        self.key = core.key(name)

    def insert(self, *calls: dict[str, Any]) -> list[str]:
        self.core.insert(*({**call, "project": self.name} for call in calls))
        return [call["span_id"] for call in calls]

    def get(self, path: str, **query: Any) -> Any:
        answer = self.core.ask(f"/api/v1{path}?{urlencode(query)}", key=self.key)
        assert answer.status == 200, answer.raw
        return answer.json

    def found(self, **query: Any) -> list[str]:
        return [call["span_id"] for call in self.get("/calls", **query)["calls"]]


@pytest.fixture
def project(core: Served) -> Project:
    return Project(core, f"p{uuid.uuid4().hex}")


def test_a_call_is_shown_with_what_was_said(project: Project) -> None:
    """JSON that is stored as text is JSON here, times are ISO 8601, None is null."""
    (span_id,) = project.insert(
        record(
            start_time=NOW,
            temperature=0.7,
            pattern_ids=["hot"],
            pattern_revisions=[3],
            fix_diff='[{"op": "replace", "path": "/temperature", "value": 0.7}]',
            attributes='{"a": {"b": [1, "x"]}}',
            request='{"temperature": 0.9}',
            body='{"gen_ai.input.messages": [{"role": "user"}]}',
        )
    )
    call = project.get(f"/calls/{span_id}")
    assert call["start_time"] == iso(NOW)
    assert (call["temperature"], call["top_p"]) == (0.7, None)
    assert (call["pattern_ids"], call["pattern_revisions"]) == (["hot"], [3])
    assert call["fix_diff"][0]["path"] == "/temperature"
    assert call["attributes"] == {"a": {"b": [1, "x"]}}
    assert call["request"] == {"temperature": 0.9}
    assert call["body"] == {"gen_ai.input.messages": [{"role": "user"}]}
    (listed,) = project.get("/calls")["calls"]
    assert listed == {name: call[name] for name in call if name not in ("request", "body")}


def test_what_is_odd_in_a_record_does_not_hide_it(project: Project) -> None:
    (span_id,) = project.insert(
        record(duration_ms=float("inf"), temperature=float("nan"), attributes="{no json", body="")
    )
    call = project.get(f"/calls/{span_id}")
    assert (call["duration_ms"], call["temperature"]) == (None, None)
    assert (call["attributes"], call["body"]) == ("{no json", None)


def test_calls_come_in_pages_newest_first(project: Project) -> None:
    spans = project.insert(*(record(start_time=NOW - n // 2 * SECOND) for n in range(7)))
    found, cursor = [], None
    while True:
        page = project.get("/calls", limit=2, **({"cursor": cursor} if cursor else {}))
        found += [call["span_id"] for call in page["calls"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert sorted(found) == sorted(spans)
    assert found[-1] == spans[-1]


def test_calls_are_chosen_by_what_they_are(project: Project) -> None:
    plain, other, failed = project.insert(
        record(start_time=NOW - HOUR, request_model="m", service="s", session="x"),
        record(start_time=NOW - SECOND, pattern_ids=["hot", "b"]),
        failing(start_time=NOW, failure_signature="sig"),
    )
    assert project.found(model="m") == [plain]
    assert project.found(service="s") == [plain]
    assert project.found(session="x") == [plain]
    assert project.found(pattern="hot") == [other]
    assert project.found(failed="true") == [failed]
    assert project.found(failed="false") == [other, plain]
    assert project.found(error_code="unsupported_value") == [failed]
    assert project.found(signature="sig") == [failed]
    assert project.found(since=iso(NOW - SECOND), until=iso(NOW)) == [other]
    # the same moment in another zone
    zone = iso(NOW - SECOND).replace("Z", "+00:00")
    assert project.found(since=zone) == [failed, other]


def test_a_trace_is_shown_in_order(project: Project) -> None:
    trace = "ab" * 16
    spans = project.insert(
        *(record(trace_id=trace, start_time=NOW + n, body=json.dumps({"n": n})) for n in range(3))
    )
    found = project.get(f"/traces/{trace}", near=iso(NOW))["calls"]
    assert [call["span_id"] for call in found] == spans
    assert [call["body"]["n"] for call in found] == [0, 1, 2]


def test_failures_are_grouped(project: Project) -> None:
    alike = {
        "provider": "openai",
        "operation": "chat",
        "failure_signature": "abc",
        "error_template": "no <n>",
    }
    project.insert(
        failing(start_time=NOW - SECOND, **alike, request_model="m"),
        failing(start_time=NOW, **alike, request_model="n"),
        record(start_time=NOW, provider="openai", operation="chat"),
        record(start_time=NOW, provider="openai", operation="chat"),
        failing(start_time=NOW - 50 * HOUR, provider="openai", operation="chat"),
    )
    found = project.get("/failures", until=iso(NOW + SECOND))
    (group,) = found["failures"]
    assert (group["count"], group["calls"], group["rate"]) == (2, 4, 0.5)
    assert (group["error_param"], group["status_code"]) == ("temperature", 400)
    assert (group["kind"], group["template"]) == ("invalid_request", "no <n>")
    assert group["signature"] == "abc"
    assert group["models"] == ["m", "n"]
    assert (group["first_seen"], group["last_seen"]) == (iso(NOW - SECOND), iso(NOW))
    assert found["since"] == iso(NOW + SECOND - 24 * HOUR)


def test_statistics_count_by_steps(project: Project) -> None:
    start = NOW // HOUR * HOUR
    project.insert(
        record(start_time=start, input_tokens=3, fix_outcome="applied"),
        failing(start_time=start + SECOND, output_tokens=4),
        record(start_time=start + 700 * SECOND),
    )
    found = project.get("/statistics", since=iso(start), until=iso(start + HOUR), step_s=600)
    empty = {"calls": 1, "failures": 0, "fixed": 0, "healed": 0}
    empty |= {"input_tokens": 0, "output_tokens": 0}
    assert found["steps"] == [
        {
            "time": iso(start),
            "calls": 2,
            "failures": 1,
            "fixed": 1,
            "healed": 0,
            "input_tokens": 3,
            "output_tokens": 4,
        },
        {**empty, "time": iso(start + 600 * SECOND)},
    ]


@pytest.mark.parametrize(
    ("query", "field", "part"),
    [
        ("limit=0", "limit", 'limit is "0": write a whole number from 1 to 1000'),
        ("limit=1001", "limit", "from 1 to 1000"),
        ("limit=ten", "limit", "from 1 to 1000"),
        ("limit=%D9%A1", "limit", "from 1 to 1000"),
        ("since=yesterday", "since", "2026-11-24T12:00:00Z"),
        ("since=2026-11-24T12:00:00", "since", "with its zone"),
        ("since=1969-01-01T00:00:00Z", "since", "from 1970 to 2105"),
        ("until=9999-12-31T23:59:59-23:00", "until", "from 1970 to 2105"),
        ("until=2026-02-30T00:00:00Z", "until", "from 1970 to 2105"),
        ("failed=maybe", "failed", "write true or false"),
        ("cursor=abc", "cursor", "next_cursor of the page before"),
        ("cursor=99999999999999999999-aa", "cursor", "next_cursor"),
        ("model=", "model", "1 to 500 characters"),
        ("colour=x", "colour", 'The parameter "colour" is unknown; known: since, until, model'),
        ("model=a&model=b", "model", "given twice"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(
    core: Served, query: str, field: str, part: str
) -> None:
    answer = core.ask(f"/api/v1/calls?{query}")
    assert (answer.status, answer.json["field"]) == (400, field)
    assert part in answer.sentence


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("/calls/xyz", "16 hexadecimal digits"),
        ("/traces/abc/def", "32 hexadecimal digits"),
        ("/statistics?since=2026-01-01T00:00:00Z&step_s=1", "more than 2000 steps of 1 s"),
        ("/failures?since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", "swap them"),
        ("/info?verbose=1", "there are none"),
    ],
)
def test_a_question_without_an_answer_is_refused(core: Served, path: str, part: str) -> None:
    answer = core.ask(f"/api/v1{path}")
    assert answer.status == 400
    assert part in answer.sentence


@pytest.mark.parametrize("path", [f"/calls/{'0' * 16}", f"/traces/{'0' * 32}"])
def test_what_is_not_there_is_not_found(core: Served, path: str) -> None:
    answer = core.ask(f"/api/v1{path}")
    assert answer.status == 404
    assert "0000" in answer.sentence


def test_runtimes_are_shown_with_what_they_refuse(core: Served) -> None:
    refused = Verdict(revision=2, digest="d", state="refused", reason="the policy says no")
    core.runtime("b", verdicts={"hot": refused})
    core.runtime("a", connected=False)
    found = core.ask("/api/v1/runtimes").json["runtimes"]
    assert [each["runtime_id"] for each in found] == ["a", "b"]
    assert found[1]["verdicts"] == {
        "hot": {"revision": 2, "digest": "d", "state": "refused", "reason": "the policy says no"}
    }
    assert found[1]["sdks"] == {"openai": "3.0.0"}
    connected = core.ask("/api/v1/runtimes?connected=true&limit=1").json
    assert [each["runtime_id"] for each in connected["runtimes"]] == ["b"]
    assert connected["next_cursor"] is None
    page = core.ask("/api/v1/runtimes?limit=1").json
    assert page["next_cursor"] == "a"
    rest = core.ask("/api/v1/runtimes?limit=1&cursor=a").json["runtimes"]
    assert [each["runtime_id"] for each in rest] == ["b"]
