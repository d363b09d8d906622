"""Patterns over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from arc_core.registry.lifecycle import State
from arc_core.rollout.progress import Progress
from arc_core.rollout.progress_json import to_json
from core.web.served import Served


def pattern(name: str, to: float = 0.7) -> dict[str, Any]:
    return {"name": name, "pattern": {"temperature": {">": 0.9}}, "fix": {"temperature": to}}


def add(core: Served, name: str, to: float = 0.7, **more: Any) -> dict[str, Any]:
    answer = core.ask("/api/v1/patterns", {"document": pattern(name, to), **more})
    assert answer.status == 200, answer.raw
    return dict(answer.json)


def move(core: Served, name: str, to: str, **more: Any) -> dict[str, Any]:
    answer = core.ask(f"/api/v1/patterns/{name}/state", {"to": to, **more})
    assert answer.status == 200, answer.raw
    return dict(answer.json)


def names(core: Served, query: str = "") -> list[str]:
    return [each["name"] for each in core.ask(f"/api/v1/patterns{query}").json["patterns"]]


def test_a_pattern_that_is_added_is_in_force(core: Served) -> None:
    added = add(core, "hot", reason="seen in production", evidence={"calls": 12})
    assert (added["state"], added["revision"], added["author"]) == ("active", 1, "local")
    shown = core.ask("/api/v1/patterns/hot").json
    assert {name: shown[name] for name in added} == added
    assert shown["document"] == pattern("hot")
    (event,) = shown["history"]
    assert event["reason"] == "seen in production"
    assert (event["from_state"], event["to_state"], event["set_version"]) == (None, "active", 1)
    assert core.ask("/api/v1/info").json["pattern_set"]["patterns"] == 1


def test_a_changed_pattern_is_a_new_revision_and_an_equal_one_is_none(core: Served) -> None:
    assert [add(core, "hot", to)["revision"] for to in (0.7, 0.7, 0.5)] == [1, 1, 2]


def test_a_pattern_may_begin_as_a_candidate(core: Served) -> None:
    assert add(core, "hot", state="candidate")["state"] == "candidate"
    assert core.ask("/api/v1/info").json["pattern_set"]["patterns"] == 0


def test_all_patterns_are_paused_and_resumed_by_one_request_each(core: Served) -> None:
    for name in ("a", "b"):
        add(core, name)
    assert core.ask("/api/v1/info").json["stopped"] is None
    paused = core.ask("/api/v1/patterns/pause", {"reason": "alarm"}).json["patterns"]
    assert {each["name"] for each in paused} == {"a", "b", "gpt-4.1-high-temperature"}
    assert {each["state"] for each in paused} == {"paused"}
    stopped = core.ask("/api/v1/info").json["stopped"]
    assert (stopped["author"], stopped["reason"]) == ("local", "alarm")
    resumed = core.ask("/api/v1/patterns/resume", {}).json["patterns"]
    assert {each["state"] for each in resumed} == {"active"}
    again = core.ask("/api/v1/patterns/resume", {})
    assert (again.status, "not stopped" in again.sentence) == (409, True)


def test_a_resumed_pattern_is_where_it_was(core: Served) -> None:
    add(core, "hot", state="shadow")
    move(core, "hot", "paused")
    assert core.ask("/api/v1/patterns/hot/resume", {}).json["state"] == "shadow"


def test_the_key_is_the_author(guarded: Served) -> None:
    key = guarded.key("shop")
    answer = guarded.ask("/api/v1/patterns", {"document": pattern("hot")}, key=key)
    assert answer.json["author"] == "of the test"


def test_lists_come_in_pages_and_by_state(core: Served) -> None:
    expected = [f"p{number}" for number in range(5)]
    for name in expected:
        add(core, name)
    move(core, "p1", "paused")
    assert names(core) == expected
    assert names(core, "?state=paused") == ["p1"]
    found: list[str] = []
    cursor = ""
    while True:
        page = core.ask(f"/api/v1/patterns?limit=2{cursor}").json
        found += [each["name"] for each in page["patterns"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert found == expected
    assert names(core, "?state=active&cursor=p1") == ["p2", "p3", "p4"]
    answer = core.ask("/api/v1/patterns?cursor=gone")
    assert (answer.status, answer.json["field"]) == (400, "cursor")


def test_a_pattern_is_paused_resumed_retired(core: Served) -> None:
    add(core, "hot")
    for state in ("paused", "active", "retired"):
        assert move(core, "hot", state, reason=f"{state} it")["state"] == state
    steps = core.ask("/api/v1/patterns/hot").json["history"]
    assert [step["to_state"] for step in steps] == ["active", "paused", "active", "retired"]
    assert steps[-1]["reason"] == "retired it"


def test_a_step_that_the_life_cycle_forbids_is_a_conflict(core: Served) -> None:
    add(core, "hot")
    answer = core.ask("/api/v1/patterns/hot/state", {"to": "candidate"})
    assert answer.status == 409
    assert "it can become:" in answer.sentence


def test_rolling_back_puts_the_revision_before_in_force(core: Served) -> None:
    add(core, "hot", 0.7)
    answer = core.ask("/api/v1/patterns/hot/rollback", {})
    assert answer.status == 409
    add(core, "hot", 0.2)
    restored = core.ask("/api/v1/patterns/hot/rollback", {"reason": "too cold"}).json
    assert (restored["revision"], restored["document"]) == (3, pattern("hot", 0.7))


def test_what_is_exported_can_be_imported(core: Served, guarded: Served) -> None:
    for name in ("b", "a", "c"):
        add(core, name)
    move(core, "c", "paused")
    exported = core.ask("/api/v1/patterns/export").json
    assert [each["name"] for each in exported["documents"]] == ["b", "a"]
    key = guarded.key("shop")
    answer = guarded.ask("/api/v1/patterns/import", exported, key=key)
    assert [each["name"] for each in answer.json["patterns"]] == ["b", "a"]
    assert guarded.ask("/api/v1/patterns/export", key=key).json == exported


def test_an_import_is_all_or_nothing(core: Served) -> None:
    bad = {"name": "bad", "pattern": {"temperature": {"~": 1}}, "fix": {}}
    answer = core.ask("/api/v1/patterns/import", {"documents": [pattern("good"), bad]})
    assert answer.status == 422
    assert answer.sentence.startswith("Pattern 2 is refused")
    assert names(core) == []


@pytest.mark.parametrize("name", ["a/b", "hot/state", "50%", "é 漢", "?x=1#y", "..", "import"])
def test_patterns_may_have_odd_names(core: Served, name: str) -> None:
    from urllib.parse import quote

    add(core, name)
    assert move(core, quote(name, safe=""), "paused")["name"] == name
    assert core.ask(f"/api/v1/patterns/{quote(name, safe='')}").json["name"] == name


def test_a_name_that_no_address_could_show_is_refused(core: Served) -> None:
    for path, body in (
        ("/api/v1/patterns", {"document": pattern("export")}),
        ("/api/v1/patterns/import", {"documents": [pattern("a"), pattern("export")]}),
    ):
        answer = core.ask(path, body)
        assert (answer.status, answer.json["field"]) == (422, "name")
    assert names(core) == []


def test_texts_that_are_no_unicode_come_back(core: Served) -> None:
    """JSON can hold half a surrogate pair, so a pattern can."""
    document = {"name": "odd", "pattern": {"stop": "\ud800"}, "fix": {"stop": "\x00"}}
    assert core.ask("/api/v1/patterns", {"document": document}).json["document"] == document
    assert core.ask("/api/v1/patterns/export").json == {"documents": [document]}


@pytest.mark.parametrize(
    ("body", "status", "part"),
    [
        ({"document": {"name": "x", "pattern": {}}}, 422, 'lacks the field "fix"'),
        ({"document": {"pattern": {"a": {"~": 1}}, "fix": {"a": 1}}}, 422, "~"),
        ({"document": []}, 400, "document is []: write an object"),
        ({"document": {}, "state": "on"}, 400, 'state is "on": write one of candidate'),
        ({"document": pattern("x"), "state": "retired"}, 409, "it can begin as"),
        ({"document": {}, "reason": 5}, 400, "reason is 5: write a text"),
        ({"document": {}, "author": "me"}, 400, 'The member "author" is unknown; known: document'),
        ({}, 400, "The member document is missing"),
        ([], 400, "The body is []; it must be a JSON object"),
        (b"{", 400, "The body is no JSON"),
        (b"\xff\xfe\x00", 400, "The body is no JSON"),
        (b'{"document": {"a": NaN}}', 400, "NaN is no number of JSON"),
        (b'{"document": {"a": 1, "a": 2}}', 400, 'the member "a" twice'),
        (b'{"document": ' + b"[" * 100_000, 400, "nested too deeply"),
        (b'{"document": {"a": ' + b"1" * 10_000 + b"}}", 400, "The body is no JSON"),
    ],
)
def test_a_body_that_cannot_be_used_is_refused_in_a_sentence(
    core: Served, body: Any, status: int, part: str
) -> None:
    answer = core.ask("/api/v1/patterns", body, headers={"Content-Type": "application/json"})
    assert answer.status == status
    assert part in answer.sentence
    assert names(core) == []


def test_a_proposed_step_is_shown_and_can_be_approved_once(core: Served) -> None:
    """Its share is published; what was not proposed cannot be approved."""
    registry = core.context.registry
    registry.add_pattern("default", pattern("x"), author="learner", state=State.SHADOW)
    assert core.ask("/api/v1/patterns/x").json["proposed"] is None
    assert core.ask("/api/v1/patterns/x/approve", {}).status == 409
    step = {"to": "canary", "share": 0.5, "reason": "all failed"}
    progress = Progress.of_evidence({})
    progress.enter(State.SHADOW, 0.0, 0)
    progress.proposed = step
    registry.keep_progress("default", "x", 1, to_json(progress))
    assert core.ask("/api/v1/patterns/x").json["proposed"] == step
    approved = core.ask("/api/v1/patterns/x/approve", {"reason": "go"}).json
    assert (approved["state"], approved["allocation"]["treat"]) == ("canary", 1 << 31)
    last = core.ask("/api/v1/patterns/x").json["history"][-1]
    assert (last["author"], last["reason"]) == ("local", "go")
    assert core.ask("/api/v1/patterns/x/approve", {}).status == 409


@pytest.mark.parametrize("verb", ["", "/state", "/rollback", "/approve"])
def test_an_unknown_pattern_is_not_found(core: Served, verb: str) -> None:
    body = {"": None, "/state": {"to": "active"}}.get(verb, {})
    answer = core.ask(f"/api/v1/patterns/nobody{verb}", body)
    assert answer.status == 404
    assert "nobody" in answer.sentence


def test_a_body_that_never_ends_is_cut_off(core: Served) -> None:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", core.port, timeout=20)
    try:
        connection.putrequest("POST", "/api/v1/patterns")
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders()
        piece = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
        for _ in range(65):
            connection.send(piece)
        answer = connection.getresponse()
        assert answer.status == 413
    finally:
        connection.close()
