"""The OpenAPI description, held against what the server does."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import given, settings
from schemathesis.checks import CheckFunction
from schemathesis.specs.openapi.checks import (
    positive_data_acceptance,
    unsupported_method,
)

from arc_core.storage import CallStore
from core.call_records import record
from core.web.served import Served, failing, served

ENDLESS = "/api/v1/calls/stream"
WITHOUT: list[CheckFunction] = [
    positive_data_acceptance,  # what a pattern is, and which cursors are known, no schema says
    unsupported_method,  # names of patterns take slashes, so {name}/state is one for GET
]


def test_the_server_does_what_its_description_says(core: Served) -> None:
    """Whatever is sent, it answers with a status and a body that the description has."""
    core.insert(record(project="default", body='{"a": 1}'), failing(project="default"))
    document = {"name": "hot", "pattern": {"temperature": {">": 0.9}}, "fix": {"temperature": 1}}
    core.ask("/api/v1/patterns", {"document": document})
    core.context.registry.create_key("default", "k")
    schema = schemathesis.openapi.from_dict(core.ask("/openapi.json").json)
    checked = 0
    for found in schema.exclude(path=ENDLESS).get_all_operations():
        operation = found.ok()

        @settings(max_examples=5, deadline=None, derandomize=True, database=None)
        @given(case=operation.as_strategy())
        def check(case: Any) -> None:
            case.call_and_validate(base_url=core.url, excluded_checks=WITHOUT)

        check()
        checked += 1
    assert checked >= 19


def test_every_path_and_every_answer_is_described(core: Served) -> None:
    described = core.ask("/openapi.json").json
    assert described["openapi"] == "3.1.0"
    paths = described["paths"]
    assert {"/healthz", "/readyz", "/metrics", "/openapi.json", "/api/v1/info"} <= paths.keys()
    for operations in paths.values():
        for operation in operations.values():
            assert operation["summary"]
            assert "400" in operation["responses"]
    call = described["components"]["schemas"]["Call"]["properties"]
    assert call["temperature"]["type"] == ["number", "null"]
    assert call["start_time"]["format"] == "date-time"
    assert "body" not in call


def test_metrics_are_those_of_prometheus(core: Served) -> None:
    answer = core.ask("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert b"arc_core_test_total 1.0" in answer.raw


def test_readiness_says_why_not(core: Served) -> None:
    assert core.ask("/readyz").json == {"status": "ready"}
    core.unready = "The disk is full; make room."
    answer = core.ask("/readyz")
    assert (answer.status, answer.sentence) == (503, "The disk is full; make room.")
    assert core.ask("/healthz").status == 200


def test_what_the_stores_cannot_do_is_said(core: Served) -> None:
    core.context.registry.close()
    file = Path(core.context.registry.location)
    for each in file.parent.glob(f"{file.name}-*"):
        each.unlink()
    file.write_bytes(b"no database " * 1000)
    answer = core.ask("/api/v1/patterns")
    assert answer.status == 503
    assert str(file) in answer.sentence


def test_a_fault_of_ours_is_an_answer_too(store: CallStore, tmp_path: Path) -> None:
    def broken() -> datetime:
        raise ZeroDivisionError

    with served(store, tmp_path, now=broken) as core:
        answer = core.ask("/api/v1/info")
    assert answer.status == 500
    assert "its log has the details" in answer.sentence


def test_there_is_a_sentence_for_every_wrong_turn(core: Served) -> None:
    nothing = core.ask("/api/v2/patterns")
    assert (nothing.status, nothing.headers["content-type"]) == (404, "application/problem+json")
    assert "There is nothing at /api/v2/patterns" in nothing.sentence
    wrong = core.ask("/api/v1/patterns", method="PUT")
    assert wrong.status == 405
    assert set(wrong.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}
    assert "does not take PUT" in wrong.sentence
    assert core.ask("/api/v1/patterns", method="HEAD").status == 200
