"""`arc calls`, `arc failures`, `arc status` and `arc tail`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from arc_core.registry.runtimes import Verdict
from cli.with_core.conftest import Arc
from core.call_records import HOUR, SECOND, record, said
from core.web.served import Served, failing


def now() -> int:
    return int(time.time() * 1e6)


@pytest.fixture
def key(core: Served, monkeypatch: pytest.MonkeyPatch) -> str:
    """The key of a project without calls, which commands use."""
    secret = core.key(f"p{uuid.uuid4().hex}")
    monkeypatch.setenv("ARC_API_KEY", secret)
    return secret


def project(core: Served, key: str) -> str:
    return str(core.ask("/api/v1/info", key=key).json["project"])


def test_calls_are_listed(core: Served, key: str, arc: Arc) -> None:
    assert arc("calls").out == "There are no such calls.\n"
    mine = project(core, key)
    fixed = {"fix_outcome": "applied", "pattern_ids": ["hot"], "fix_fields": ["temperature"]}
    plain = {"service": "checkout", "request_model": "gpt-4.1", "duration_ms": 812.4}
    core.insert(
        record(project=mine, start_time=now() - SECOND, input_tokens=120, **plain, **fixed),
        failing(project=mine, start_time=now(), service="s", request_model="o3"),
    )
    title, failed, good = arc("calls").lines
    assert title.split() == ["TIME", "SPAN", "ID", "SERVICE", "MODEL", "MS", "RESULT"]
    assert good.split()[2:] == ["checkout", "gpt-4.1", "812", "ok,", "applied:", "hot"]
    assert "400 unsupported" in failed
    assert arc("calls", good.split()[1], "--json").json["input_tokens"] == 120
    assert [each["service"] for each in arc("calls", "--failed", "--json").json] == ["s"]
    assert [each["service"] for each in arc("calls", "--model", "gpt-4.1", "--json").json] == [
        "checkout"
    ]
    assert len(arc("calls", "-n", "1").lines) == 2


def test_calls_of_a_period(core: Served, key: str, arc: Arc) -> None:
    mine = project(core, key)
    core.insert(
        *(record(project=mine, start_time=now() - n * HOUR, session=str(n)) for n in (1, 3))
    )
    assert [each["session"] for each in arc("calls", "--since", "2h", "--json").json] == ["1"]
    assert [each["session"] for each in arc("calls", "--until", "2h", "--json").json] == ["3"]
    assert arc("calls", "--since", "2020-01-01", "--json").json
    refused = arc("calls", "--since", "yesterday")
    assert refused.code == 2
    assert "such as 30m, 2h or 1d" in refused.err


def test_more_calls_than_a_page_has(core: Served, key: str, arc: Arc) -> None:
    mine = project(core, key)
    core.insert(*(record(project=mine, start_time=now() - n) for n in range(1005)))
    assert len(arc("calls", "-n", "1003", "--json").json) == 1003
    assert len(arc("calls", "-n", "5000", "--json").json) == 1005


def test_a_call_and_a_trace_are_shown_in_full(core: Served, key: str, arc: Arc) -> None:
    mine = project(core, key)
    trace = uuid.uuid4().hex
    calls = [
        record(project=mine, trace_id=trace, start_time=now() + n, body=f'{{"said": "{n}\\u001b"}}')
        for n in range(2)
    ]
    core.insert(*calls)
    shown = arc("calls", calls[0]["span_id"]).out
    assert 'body:              {"said": "0\\u001b"}' in shown
    assert "temperature" not in shown
    assert arc("calls", calls[0]["span_id"], "--json").json["body"] == {"said": "0\x1b"}
    assert len(arc("calls", "--trace", trace, "--json").json) == 2
    assert arc("calls", "--trace", trace).out.count("span_id:") == 2
    missing = arc("calls", "0" * 16)
    assert (missing.code, missing.out) == (1, "")
    assert "no call with the span id" in missing.err


@pytest.mark.parametrize("arguments", [("calls", "-n", "0"), ("calls", "a", "--trace", "b")])
def test_what_makes_no_sense_ends_with_2(arc: Arc, arguments: tuple[str, ...]) -> None:
    assert arc(*arguments).code == 2


def test_failures_are_listed(core: Served, key: str, arc: Arc) -> None:
    assert arc("failures").out.startswith("No call has failed since ")
    mine = project(core, key)
    openai = {"project": mine, "start_time": now(), "provider": "openai", "operation": "chat"}
    core.insert(
        failing(**openai, request_model="o3", error_message="\x1b[2Jno\nsuch   thing " * 20),
        record(**openai),
    )
    title, line, *more = arc("failures").lines
    assert title.split() == [
        "COUNT",
        "OF",
        "ALL",
        "PROVIDER",
        "OPERATION",
        "FAILURE",
        "LAST",
        "SEEN",
    ]
    assert line.split()[:7] == ["1", "50.0", "%", "openai", "chat", "invalid_request", "400"]
    assert more[0].strip().startswith("first seen: ")
    assert more[1].strip() == "models: o3"
    assert more[4].strip().startswith("\\u001b[2Jno such")
    assert arc("failures", "--json").json[0]["error_param"] == "temperature"


def test_a_failure_that_is_no_error_is_named_and_its_calls_are_listed(
    core: Served, key: str, arc: Arc
) -> None:
    mine = project(core, key)
    chat = {"project": mine, "start_time": now(), "provider": "openai", "operation": "chat"}
    short = record(**chat, failure_kinds=["truncated"], failure_signature="0123abcd")
    core.insert(short, record(**chat))
    _, line, *more = arc("failures").lines
    assert line.split()[:6] == ["1", "50.0", "%", "openai", "chat", "truncated"]
    assert "       signature: 0123abcd" in more
    assert "  arc calls --signature 0123abcd   the calls of the first one" in more
    _, found = arc("calls", "--signature", "0123abcd").lines
    assert short["span_id"] in found
    assert found.endswith("truncated")


def test_failures_are_chosen_and_counted_by_application(core: Served, key: str, arc: Arc) -> None:
    mine = project(core, key)
    openai = {"project": mine, "start_time": now(), "provider": "openai", "operation": "chat"}
    refused = {**openai, "failure_signature": "0123abcd"}
    core.insert(
        *(failing(**refused, service="shop", request_model="o3") for _ in range(2)),
        failing(**refused, service="search", request_model="o4"),
        record(**openai, service="shop", failure_kinds=["truncated"], failure_signature="cut"),
    )
    document = {"name": "cure", "pattern": {"a": 1}, "fix": {"a": None}}
    core.context.registry.add_pattern(
        *(mine, document), author="learner", evidence={"signature": "0123abcd"}
    )
    lines = arc("failures").lines
    assert "       applications: shop 2, search 1" in lines
    assert "       learned from it: cure is active" in lines
    assert "  arc rollouts show cure   how the fix for it stands" in lines

    def counts(*options: str) -> list[int]:
        return [each["count"] for each in arc("failures", *options, "--json").json]

    assert counts() == [3, 1]
    assert counts("--application", "shop") == [2, 1]
    assert counts("--service", "search") == [1]
    assert counts("--model", "o3") == [2]
    assert counts("--kind", "truncated", "-n", "1") == [1]
    assert counts("--signature", "0123abcd") == [3]
    assert arc("failures", "--model", "none").out.startswith("No such call has failed since ")
    assert arc("failures", "-n", "0").code == 2


def test_a_changed_call_says_what_was_changed_by_what_and_what_to_do(
    core: Served, arc: Arc
) -> None:
    document = {"name": "two words", "pattern": {"top_p": 1}, "fix": {"top_p": None}}
    core.ask("/api/v1/patterns", {"document": document})
    steps = [
        {"op": "replace", "path": "/temperature", "value": 0.7},
        {"op": "remove", "path": "/top_p"},
        {"op": "move", "from": "/max_tokens", "path": "/max_completion_tokens"},
        {"op": "add", "path": "/messages/0/role", "value": "user"},
    ]
    request = {"temperature": 0.95, "top_p": 1, "max_tokens": 9, "messages": [{}]}
    call = failing(
        project="default",
        start_time=now(),
        service="shop",
        request_model="gpt-4.1",
        failure_signature="0123abcd",
        pattern_ids=["two words", "gpt-4.1-high-temperature", "mine"],
        pattern_revisions=[1, 0, 0],
        fix_outcome="applied",
        fix_diff=json.dumps(steps),
        request=json.dumps(request),
    )
    core.insert(call)
    shown = arc("calls", call["span_id"]).out
    head, _, rest = shown.partition("\n\n")
    assert "  shop  gpt-4.1  " in head
    assert "Changed by two words, revision 1 (active now)" in head
    assert "by gpt-4.1-high-temperature, which is built into Arc Runtime" in head
    assert "by mine, which the application has registered itself" in head
    assert head.splitlines()[-4:] == [
        "  temperature: 0.95 -> 0.7",
        "  top_p: 1 -> (none)",
        "  max_tokens is now max_completion_tokens: 9",
        '  messages.0.role: (none) -> "user"',
    ]
    assert f"span_id:           {call['span_id']}" in rest
    *_, steps_next = shown.split("\n\n")
    assert "  arc patterns show 'two words'" in steps_next
    assert "  arc failures --signature 0123abcd" in steps_next


def test_a_change_of_a_request_that_was_not_recorded(core: Served, arc: Arc) -> None:
    """What was there before is not known, and nothing is guessed."""
    steps = [{"op": "replace", "path": "/temperature", "value": 0.7}]
    call = record(project="default", start_time=now(), fix_diff=json.dumps(steps))
    core.insert(call)
    assert "  temperature: (not recorded) -> 0.7\n" in arc("calls", call["span_id"]).out


def test_status_without_anything(core: Served, key: str, arc: Arc) -> None:
    lines = arc("status").out.splitlines()
    assert f"  store     {core.context.store.info().location}" in lines
    assert all(len(line) <= 80 for line in lines if not line.startswith(("  store", "  registry")))
    assert lines[0] == "No Runtime; 0.0 calls/min, 0 % failed; 0 patterns active, 0 on trial."
    assert any(line.startswith(f"Arc Core 0.2.0 at {core.url}, up ") for line in lines)
    assert "arc failures" not in "".join(lines)
    assert any(line.startswith("  traffic   0.0 calls/min, 0 failed (0 %)") for line in lines)
    assert lines[-1].startswith("No Runtime is connected")


def test_status_shows_what_runtimes_have_and_refuse(core: Served, arc: Arc) -> None:
    document = {"name": "hot", "pattern": {"temperature": {">": 0.9}}, "fix": {"temperature": 1}}
    core.ask("/api/v1/patterns", {"document": document})
    core.insert(failing(project="default", start_time=now()))
    digest = core.ask("/api/v1/info").json["pattern_set"]["digest"]
    refused = Verdict(revision=1, digest="d", state="refused", reason="the policy says no")
    core.runtime("a", service="a", set_digest=digest, verdicts={"hot": refused})
    off = Verdict(revision=1, digest="d", state="disabled", reason="It has failed on 5 calls")
    core.runtime("b", service="b", set_version=7, set_digest="older", verdicts={"hot": off})
    core.runtime("c", service="c", set_version=0, set_digest="")
    core.runtime("d", service="gone", connected=False)
    lines = arc("status").out.splitlines()
    assert lines[0].startswith("1 of 3 Runtimes current, 2 behind; 0.")
    assert " ".join(lines[:2]).endswith("% failed; 1 pattern active, 0 on trial.")
    assert "  arc failures                what fails, the most frequent first" in lines
    assert "  patterns  1 active; set version 1" in lines
    assert any(re.fullmatch(r" {12}[\d,]+ calls, .* [KM]?i?B, chdb [\d.]+", line) for line in lines)
    rows = [line.split() for line in lines if line.split()[1:3] == ["laptop", "7"]]
    assert [(row[0], row[4]) for row in rows] == [("a", "current"), ("b", "version"), ("c", "none")]
    assert "    hot, revision 1, is refused: the policy says no" in lines
    assert "    hot, revision 1, is disabled: It has failed on 5 calls" in lines
    assert "  refused   hot, in 1 of 3 Runtimes" in lines
    assert "  disabled  hot, in 1 of 3 Runtimes" in lines
    assert lines[-1] == "1 Runtime has gone within a day: arc status --all"
    assert arc("status", "--all").out.splitlines()[-1].split()[:3] == ["gone", "laptop", "7"]
    assert arc("status", "--all", "--json").json["lost"][0]["service"] == "gone"
    told = arc("status", "--json").json
    assert [each["service"] for each in told["runtimes"]] == ["a", "b", "c"]
    assert told["recent"]["failures"] >= 1
    assert told["info"]["store"]["calls"] >= 1


def test_a_long_status_begins_with_what_is_wrong(core: Served, arc: Arc) -> None:
    digest = core.ask("/api/v1/info").json["pattern_set"]["digest"]
    for number in range(30):
        core.runtime(f"r{number:02}", pid=number, set_digest=digest if number != 29 else "older")
    lines = arc("status").out.splitlines()
    first = next(place for place, line in enumerate(lines) if line.startswith("SERVICE"))
    assert lines[first + 1].split()[2:6] == ["29", "0.2.0", "version", "1"]
    assert lines[-1] == "and 10 more: arc status --all"
    assert arc("status", "--all").out.count("laptop") == 30


def test_status_adds_up_the_telemetry_that_runtimes_lost(core: Served, arc: Arc) -> None:
    core.runtime("one", dropped={"queue_full": 1200, "refused": 1})
    core.runtime("two", dropped={"refused": 2})
    core.runtime("three")
    lines = arc("status").out.splitlines()
    told = "  lost      1,203 calls' telemetry, in 2 of 3 Runtimes: queue_full 1,200, refused 3"
    assert told in lines
    assert "    has lost telemetry of calls: queue_full 1,200, refused 1" in lines


def test_status_says_that_all_is_stopped(core: Served, arc: Arc) -> None:
    arc("patterns", "pause", "--all", "--yes", "--reason", "alarm")
    lines = arc("status").out.splitlines()
    assert any(
        re.fullmatch(r"  STOPPED   all patterns, since \S+ by local: alarm", x) for x in lines
    )
    assert "  arc patterns resume --all   put all patterns where they were" in lines


@contextmanager
def tail(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run `arc tail` until it has connected, and then the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "arc_cli", "tail", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "80"},
    )
    assert process.stderr is not None
    try:
        assert "watching" in process.stderr.readline()
        yield process
    finally:
        process.kill()
        process.communicate()


def output(process: subprocess.Popen[str]) -> list[str]:
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    return out.splitlines()


def test_tail_shows_what_people_say(core: Served) -> None:
    """Of which reply, and by whom; it is no call, and so not counted as one."""
    call = record(project="default", start_time=now(), response_id="chatcmpl-7")
    word = said(call, label="rude", explanation="it swore", service="shop")
    with tail("-n", "2") as process:
        core.insert(call, feedback=[word])
        core.insert(call)
        _, told, _ = output(process)
    assert told.split()[1:] == [
        *("shop", "feedback", "by", "end_user", "bad:", "rude:", "it", "swore"),
        *("on", "chatcmpl-7"),
    ]


def test_calls_show_what_people_say(core: Served, arc: Arc) -> None:
    """A bad word is how the call ended, as far as anybody knows."""
    call = record(project="default", start_time=now(), response_id="chatcmpl-8", operation="chat")
    core.insert(call, feedback=[said(call, label="rude")])
    (line,) = [each for each in arc("calls").out.splitlines() if call["span_id"] in each]
    assert line.endswith("feedback rude")
    assert "feedback rude" in arc("failures").out


def test_tail_shows_calls_as_they_arrive(core: Served) -> None:
    plain = {"service": "checkout", "request_model": "gpt-4.1", "duration_ms": 812.4}
    fix = {"fix_outcome": "applied", "pattern_ids": ["hot"], "fix_fields": ["temperature"]}
    with tail("-n", "2") as process:
        core.insert(record(project="default", start_time=now(), output_tokens=5, **plain, **fix))
        core.insert(failing(project="default", start_time=now(), request_model="o3" * 50))
        good, failed = output(process)
    assert good.split()[1:] == [
        *("checkout", "gpt-4.1", "812", "ms", "-/5", "ok"),
        *("applied:", "hot", "(temperature)"),
    ]
    assert len(failed) == 80


def test_tail_prints_lines_of_json(core: Served) -> None:
    with tail("--failed", "-n", "1") as process:
        core.insert(record(project="default"), failing(project="default"))
        assert "400 unsupported_value temperature" in output(process)[0]
    with tail("--json", "--model", "m", "-n", "1") as process:
        core.insert(record(project="default", request_model="m"))
        assert json.loads(output(process)[0])["request_model"] == "m"


def test_tail_comes_back_when_core_has_ended_the_connection(core: Served) -> None:
    with tail("-n", "1") as process:
        assert process.stderr is not None
        core.context.live.close()
        assert "trying again" in process.stderr.readline()
        assert "again there" in process.stderr.readline()


def test_a_reader_that_has_enough_is_no_fault(core: Served, key: str) -> None:
    """As `arc calls | head -1`."""
    mine = project(core, key)
    core.insert(*(record(project=mine, start_time=now() - n) for n in range(3000)))
    process: subprocess.Popen[Any] = subprocess.Popen(
        [sys.executable, "-m", "arc_cli", "calls", "--json", "-n", "3000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, b"")
