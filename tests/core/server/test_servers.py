"""Core over ClickHouse and PostgreSQL: several side by side, and the way there from a folder."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.clickhouse_server import ClickHouseServer
from core.core_process import core
from core.otlp import exporter, request
from core.postgres_server import PostgresServer
from core.server import rest
from core.server.application import application
from core.server.doors import DOORS, channel
from core.server.doors import rest as rest_door
from core.server.provider import Provider, provider

HOT = {"name": "hot", "pattern": {"temperature": {">": 0.9}}, "fix": {"temperature": 0.7}}


@pytest.fixture(scope="module")
def chat_api() -> Iterator[Provider]:
    with provider() as running:
        yield running


def arc(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "arc_cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def span_ids(process: Any) -> set[int]:
    return {int(call["span_id"], 16) for call in rest.calls(process)}


def test_two_cores_side_by_side_are_one(
    clickhouse: ClickHouseServer, postgres: PostgresServer, chat_api: Provider, tmp_path: Path
) -> None:
    """A pattern that is added at one reaches the Runtimes of the other; both show all calls."""
    servers = ["--store", clickhouse.url("side"), "--registry", postgres.empty_database()]
    with core(tmp_path / "1", *servers) as first, core(tmp_path / "2", *servers) as second:
        assert "clickhouse" in first.banner
        assert "postgresql://" in first.banner
        with application("app", first.grpc_url, chat_api, tmp_path) as app:
            assert app.do("link connected") == "ok"
            rest.post(second, "/api/v1/patterns", {"document": HOT})
            assert app.do("pushed hot") == "ok"
            app.do("call 1")
            assert app.do("flush 20") == "True"
        assert chat_api.requests[-1]["temperature"] == 0.7
        with channel(second) as connected:
            exporter(connected)(request([7]), timeout=20)
        assert span_ids(first) == span_ids(second)
        assert len(span_ids(first)) == 2
        sets = [rest.get(each, "/api/v1/info")["pattern_set"] for each in (first, second)]
        assert sets[0] == sets[1]
        made = rest.post(first, "/api/v1/keys", {"name": "ci", "project": "shop"})
        assert rest_door(second, made["secret"]) == "ok"
        for each in (first, second):
            code, log = each.terminate()
            assert code == 0
            assert "Traceback" not in log


def test_a_folder_moves_to_servers_by_one_command(
    clickhouse: ClickHouseServer, postgres: PostgresServer, tmp_path: Path
) -> None:
    """Calls, patterns with their history, keys and the set's version are there, and counted."""
    data = tmp_path / "data"
    store, registry = clickhouse.url("moved"), postgres.empty_database()
    where = ["core", "move", "--data", str(data)]
    to = ["--to-store", store, "--to-registry", registry]
    with core(data) as process:
        with channel(process) as connected:
            exporter(connected)(request(range(1, 301)), timeout=20)
        rest.post(process, "/api/v1/patterns", {"document": HOT})
        key = rest.post(process, "/api/v1/keys", {"name": "ci", "project": "shop"})
        before = seen(process)
        busy = arc(*where, *to)
        assert busy.returncode == 1
        assert f"open in process {process.process.pid}" in busy.stderr
        process.terminate()

    done = arc(*where, *to)
    assert done.returncode == 0, done.stderr
    assert "300 copied and counted" in done.stdout
    assert "1 patterns, 1 keys" in done.stdout
    again = arc(*where, "--to-store", store)
    assert again.returncode == 1
    assert "--again" in again.stderr
    repeated = arc(*where, "--to-store", store, "--again")
    assert repeated.returncode == 0, repeated.stderr
    taken = arc(*where, "--to-registry", registry)
    assert taken.returncode == 1
    assert "name an empty database" in taken.stderr

    with core(tmp_path / "new", "--store", store, "--registry", registry) as process:
        assert seen(process) == before
        assert rest_door(process, key["secret"]) == "ok"
        second = {**HOT, "name": "next"}
        rest.post(process, "/api/v1/patterns", {"document": second})  # numbers go on
        assert len(rest.get(process, "/api/v1/patterns")["patterns"]) == 2
        assert all(door(process, None) == "ok" for door in DOORS.values())


def seen(process: Any) -> str:
    """Return what must be the same wherever it is."""
    return json.dumps(
        {
            "calls": sorted(span_ids(process)),
            "set": rest.get(process, "/api/v1/info")["pattern_set"],
            "pattern": rest.get(process, "/api/v1/patterns/hot"),
            "keys": rest.get(process, "/api/v1/keys")["keys"],
        }
    )


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ((), 2, "Say where to"),
        (("--to-store", "clickhouse://127.0.0.1:9"), 2, "There is no call store in"),
    ],
)
def test_a_move_that_makes_no_sense(
    tmp_path: Path, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    done = arc("core", "move", "--data", str(tmp_path / "nothing"), *arguments)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    assert sentence in done.stderr
    assert not (tmp_path / "nothing").exists()
