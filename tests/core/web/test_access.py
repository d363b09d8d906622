"""Who may see and do what."""

from __future__ import annotations

import pytest

from core.call_records import record
from core.web.served import Served

HOT = {"name": "hot", "pattern": {"temperature": {">": 0.9}}, "fix": {"temperature": 0.7}}


@pytest.mark.parametrize(
    "path", ["/api/v1/info", "/api/v1/calls", "/api/v1/calls/stream", "/api/v1/keys", "/metrics"]
)
def test_without_a_key_nothing_is_told_where_one_is_demanded(guarded: Served, path: str) -> None:
    answer = guarded.ask(path)
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "`arc keys create`" in answer.sentence


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/openapi.json"])
def test_health_and_description_are_for_everybody(guarded: Served, path: str) -> None:
    assert guarded.ask(path, headers={"Host": "core.example"}).status == 200


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Basic abc", "Bearer arc_1_2", "\xff"])
def test_a_header_without_a_valid_key_is_refused_also_where_none_is_needed(
    core: Served, guarded: Served, header: str
) -> None:
    """Whoever sends a key means its project, and must not see another one instead."""
    for server in (core, guarded):
        answer = server.ask("/api/v1/info", headers={"Authorization": header})
        assert answer.status == 401
        assert answer.sentence


def test_a_revoked_key_is_refused(guarded: Served) -> None:
    key = guarded.key("shop")
    (made,) = guarded.ask("/api/v1/keys", key=key).json["keys"]
    assert guarded.ask(f"/api/v1/keys/{made['id']}", method="DELETE", key=key).status == 204
    assert "revoked" in guarded.ask("/api/v1/info", key=key).sentence


def test_a_key_sees_one_project(guarded: Served) -> None:
    """Patterns, calls, traces, failures, Runtimes and keys of others do not exist for it."""
    mine, other = guarded.key("scoped"), guarded.key("other")
    call = record(project="scoped", failed=True, trace_id="a" * 32)
    guarded.insert(call)
    assert guarded.ask("/api/v1/patterns", {"document": HOT}, key=mine).status == 200
    seen = {
        "/api/v1/patterns": "patterns",
        "/api/v1/calls": "calls",
        "/api/v1/failures": "failures",
        f"/api/v1/traces/{call['trace_id']}": "calls",
    }
    for path, name in seen.items():
        assert len(guarded.ask(path, key=mine).json[name]) == 1
        hidden = guarded.ask(path, key=other)
        assert hidden.status == 404 or hidden.json[name] == []
    for path in ("/api/v1/patterns/hot", f"/api/v1/calls/{call['span_id']}"):
        assert guarded.ask(path, key=mine).status == 200
        assert guarded.ask(path, key=other).status == 404
    assert guarded.ask("/api/v1/info", key=other).json["project"] == "other"
    keys = guarded.ask("/api/v1/keys", key=other).json["keys"]
    assert [key["project"] for key in keys] == ["other"]


def test_a_key_cannot_touch_another_project(guarded: Served) -> None:
    mine, other = guarded.key("mine"), guarded.key("other")
    guarded.ask("/api/v1/patterns", {"document": HOT}, key=mine)
    (made,) = guarded.ask("/api/v1/keys", key=mine).json["keys"]

    state = guarded.ask("/api/v1/patterns/hot/state", {"to": "paused"}, key=other)
    key = guarded.ask("/api/v1/keys", {"name": "k", "project": "mine"}, key=other)
    revoked = guarded.ask(f"/api/v1/keys/{made['id']}", method="DELETE", key=other)

    assert (state.status, key.status, revoked.status) == (404, 403, 404)
    assert "belongs to the project other" in key.sentence
    assert guarded.ask("/api/v1/info", key=mine).status == 200


def test_what_is_stored_of_all_projects_is_not_told_to_one(guarded: Served, core: Served) -> None:
    store = guarded.ask("/api/v1/info", key=guarded.key("mine")).json["store"]
    assert store["engine"] == "chdb"
    assert (store["calls"], store["size_bytes"], store["oldest"]) == (None, None, None)
    assert core.ask("/api/v1/info").json["store"]["calls"] is not None


def test_a_secret_is_shown_once(core: Served) -> None:
    made = core.ask("/api/v1/keys", {"name": "ci", "project": "shop"})
    assert made.status == 201
    assert core.ask("/api/v1/info", key=made.json["secret"]).json["project"] == "shop"
    assert made.json["secret"] not in core.ask("/api/v1/keys").raw.decode()


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:{port}", "127.0.0.1:{port}", "127.1.2.3", "[::1]:{port}"]
)
def test_this_machine_by_any_of_its_names(core: Served, host: str) -> None:
    host = host.format(port=core.port)
    answer = core.ask("/api/v1/info", headers={"Host": host, "Origin": f"http://{host}"})
    assert answer.status == 200


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:8050", "localhost.evil.example", "127.0.0.1.nip.io"),
        *("10.0.0.1", "", "[::1", "user@localhost.example"),
    ],
)
@pytest.mark.parametrize("path", ["/api/v1/info", "/metrics", "/nothing"])
def test_a_foreign_name_for_this_machine_is_refused(core: Served, host: str, path: str) -> None:
    """A web page may have its own name mean 127.0.0.1 and then read all answers."""
    answer = core.ask(path, headers={"Host": host})
    assert answer.status == 403
    assert "answers only as localhost" in answer.sentence


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "https://localhost:{port}", "http://localhost:1", "file://"],
)
def test_a_foreign_page_is_refused(core: Served, origin: str) -> None:
    headers = {"Origin": origin.format(port=core.port), "Host": f"localhost:{core.port}"}
    answer = core.ask("/api/v1/patterns", {"document": HOT}, headers=headers)
    assert answer.status == 403
    assert "takes requests of its own pages only" in answer.sentence
    assert core.ask("/api/v1/patterns").json["patterns"] == []


def test_a_blind_request_of_a_foreign_page_is_refused_but_a_link_is_followed(core: Served) -> None:
    blind = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert core.ask("/api/v1/info", headers=blind).status == 403
    assert core.ask("/api/v1/info", headers=link).status == 200


def test_a_form_is_no_way_in(core: Served) -> None:
    """Forms and plain text are what a page can send to others without asking."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        answer = core.ask("/api/v1/keys", b'{"name": "x"}', headers={"Content-Type": kind})
        assert answer.status == 415
        assert "application/json" in answer.sentence
    assert core.ask("/api/v1/keys").json["keys"] == []


def test_where_keys_are_demanded_any_name_will_do(guarded: Served) -> None:
    headers = {"Host": "core.example", "Origin": "https://grafana.example"}
    assert guarded.ask("/api/v1/info", key=guarded.key("p"), headers=headers).status == 200
