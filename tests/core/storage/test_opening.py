"""Opening a store: addresses, versions of the schema, what is imported when."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from arc_core.storage import CallQuery, StoreCorruptError, StoreError, open_call_store
from arc_core.storage.engines import chdb
from arc_core.storage.schema import MIGRATIONS, TABLES
from core.call_records import DAY, NOW, PROJECT, batch, record, unjudged
from core.clickhouse_server import ClickHouseServer, clickhouse_server, free_port
from core.storage.places import Place

BODIES_1 = "project start_time received_at trace_id span_id body"
CALLS_1 = """
project start_time received_at trace_id span_id parent_span_id session service runtime_id
runtime_version patterns_revision provider operation api request_model response_model response_id
stream temperature top_p max_tokens frequency_penalty presence_penalty seed choice_count failed
error_type status_code error_code error_param error_message finish_reasons input_tokens
output_tokens cached_tokens reasoning_tokens duration_ms first_chunk_ms overhead_us pattern_ids
pattern_revisions fix_outcome fix_fields fix_diff attributes
"""
"""The columns of the first version of the schema."""


def ask(server: ClickHouseServer, sql: str) -> str:
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}/", data=sql.encode())
    with urllib.request.urlopen(request, timeout=30) as reply:
        return str(reply.read().decode())


@pytest.fixture
def served(server: ClickHouseServer, tmp_path: Path) -> Place:
    """A store in the server, made, closed and with one call in it."""
    place = Place(server.url(f"opening_{tmp_path.name.replace('-', '_')}"), tmp_path)
    place.open().insert(batch(record(body="said")), token="t")
    place.close()
    return place


def database(place: Place) -> str:
    assert place.url is not None
    return place.url.rpartition("/")[2]


def test_importing_the_package_imports_no_engine() -> None:
    """Engines take a second and a hundred megabytes; commands that need none must not pay."""
    program = (
        "import sys, arc_core.storage\n"
        "heavy = {'chdb', 'pyarrow', 'pandas', 'clickhouse_connect', 'numpy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("mongodb://localhost", "'mongodb' is no kind of call store.*chdb or clickhouse"),
        ("chdb://elsewhere", "chdb takes nothing after its name"),
        ("clickhouse://localhost/a b", "not of the form clickhouse://user"),
        ("clickhouse://localhost:port/arc", "not of the form clickhouse://user"),
        ("clickhouse:///arc", "not of the form clickhouse://user"),
        ("clickhouse://localhost/arc?secure=yes", "not of the form clickhouse://user"),
        ("clickhouse://localhost/arc?tls=1", "not of the form clickhouse://user"),
    ],
)
def test_an_address_that_makes_no_sense_is_refused(tmp_path: Path, url: str, sentence: str) -> None:
    with pytest.raises(StoreError, match=sentence):
        open_call_store(url, tmp_path)


def test_no_server_is_one_sentence_without_the_password(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}/arc"
    with pytest.raises(StoreError, match=f"No ClickHouse answers at {address}") as caught:
        open_call_store(f"clickhouse://someone:secret@{address}", tmp_path)
    assert "secret" not in str(caught.value)


def test_a_wrong_password_is_said_without_the_password(
    server: ClickHouseServer, tmp_path: Path
) -> None:
    with pytest.raises(StoreError, match="AUTHENTICATION_FAILED") as caught:
        open_call_store(f"clickhouse://nobody:secret@127.0.0.1:{server.port}/arc", tmp_path)
    assert "secret" not in str(caught.value)


def test_tables_have_the_columns_of_the_model(server: ClickHouseServer, served: Place) -> None:
    for table, columns in TABLES.items():
        found = ask(server, f"DESCRIBE {database(served)}.{table} FORMAT JSONEachRow")
        names = [json.loads(line)["name"] for line in found.splitlines()]
        assert names == [column.name for column in columns]


def test_a_store_of_the_first_version_gets_its_new_columns(
    server: ClickHouseServer, served: Place
) -> None:
    """Calls that are there keep what they have."""
    (before,) = served.open().calls(PROJECT, CallQuery())
    served.close()
    for table, columns in (("bodies", BODIES_1), ("calls", CALLS_1)):
        there = ask(server, f"DESCRIBE {database(served)}.{table}").splitlines()
        new = {line.split("\t")[0] for line in there} - set(columns.split())
        dropped = [f"DROP COLUMN {name}" for name in new]
        if table == "calls":
            dropped[:0] = ["DROP INDEX by_arrival", "DROP INDEX by_reply"]
        ask(server, f"ALTER TABLE {database(served)}.{table} {', '.join(dropped)}")
    ask(server, f"DROP TABLE {database(served)}.feedback SYNC")
    ask(server, f"TRUNCATE TABLE {database(served)}.schema_version")
    ask(server, f"INSERT INTO {database(served)}.schema_version SELECT 1, now()")

    store = served.open()
    assert store.calls(PROJECT, CallQuery()) == [before]
    call = store.call(PROJECT, before["span_id"])
    assert call is not None
    assert (call["body"], call["request"]) == ("said", "")
    served.close()
    test_tables_have_the_columns_of_the_model(server, served)
    for index in ("by_arrival", "by_reply"):
        assert index in ask(server, f"SHOW CREATE TABLE {database(served)}.calls")


def test_an_older_folder_gets_the_settings_of_today(tmp_path: Path) -> None:
    """How parts are merged decides what a call costs, so it must not depend on a store's age."""
    open_call_store(None, tmp_path).close()
    older = chdb.connect("chdb", tmp_path, memory_limit_mb=1000)
    older.command("DROP TABLE arc.feedback SYNC")
    for table in ("bodies", "calls"):
        settings = "merge_selector_base, max_bytes_to_merge_at_max_space_in_pool"
        older.command(f"ALTER TABLE arc.{table} RESET SETTING {settings}")
    older.command("TRUNCATE TABLE arc.schema_version")
    older.command("INSERT INTO arc.schema_version SELECT 2, now()")
    older.close()

    open_call_store(None, tmp_path).close()
    migrated = chdb.connect("chdb", tmp_path, memory_limit_mb=1000)
    made = {table: migrated.query(f"SHOW CREATE TABLE arc.{table}", {}) for table in TABLES}
    migrated.close()
    for setting in (b"merge_selector_base = 10", b"max_space_in_pool = 200000000"):
        assert all(setting in each for each in made.values()), made


def test_an_older_store_finds_its_calls_by_the_indexes_of_today(
    server: ClickHouseServer, served: Place
) -> None:
    """Calls that were there before included: to look through all of them takes seconds."""
    (before,) = served.open().calls(PROJECT, CallQuery())
    served.close()
    calls = f"{database(served)}.calls"
    dropped = "DROP INDEX by_trace_id, DROP INDEX by_span_id"
    ask(server, f"ALTER TABLE {calls} {dropped}, ADD INDEX by_id (trace_id, span_id) TYPE set(9)")
    ask(server, f"TRUNCATE TABLE {database(served)}.schema_version")
    ask(server, f"INSERT INTO {database(served)}.schema_version SELECT 5, now()")

    served.open()
    deadline = time.monotonic() + 30
    unfinished = f"database = '{database(served)}' AND NOT is_done"
    while ask(server, f"SELECT count() FROM system.mutations WHERE {unfinished}") != "0\n":
        assert time.monotonic() < deadline, "the indexes are not made"
        time.sleep(0.05)
    assert "by_id " not in ask(server, f"SHOW CREATE TABLE {calls}")
    for column in ("trace_id", "span_id"):
        for value, granules in ((before[column], 1), ("f" * len(before[column]), 0)):
            where = f"project = '{PROJECT}' AND {column} = '{value}'"
            plan = ask(server, f"EXPLAIN indexes = 1 SELECT start_time FROM {calls} WHERE {where}")
            found = re.search(rf"Name: by_{column}.*?Granules: (\d+)", plan, re.DOTALL)
            assert found, plan
            assert int(found[1]) == granules


def test_a_newer_schema_is_refused(server: ClickHouseServer, served: Place) -> None:
    newer = len(MIGRATIONS) + 1
    ask(server, f"INSERT INTO {database(served)}.schema_version SELECT {newer}, now()")
    with pytest.raises(
        StoreError, match=rf"written by a newer Arc \(schema {newer}, .* {newer - 1}\)"
    ):
        served.open()


def test_an_interrupted_migration_is_taken_up_again(
    server: ClickHouseServer, served: Place
) -> None:
    """As after a kill before the version was written: what is there stays."""
    ask(server, f"TRUNCATE TABLE {database(served)}.schema_version")
    ask(server, f"DROP TABLE {database(served)}.bodies SYNC")
    store = served.open()
    assert store.info().calls == 1
    store.insert(batch(record(session="s", body="more")), token="t2")
    (row,) = store.calls(PROJECT, CallQuery(session="s"))
    assert store.trace(PROJECT, row["trace_id"])[0]["body"] == "more"
    served.close()
    assert (
        ask(server, f"SELECT max(version) FROM {database(served)}.schema_version")
        == f"{len(MIGRATIONS)}\n"
    )


def test_a_missing_table_is_not_made_anew(server: ClickHouseServer, served: Place) -> None:
    ask(server, f"DROP TABLE {database(served)}.bodies SYNC")
    with pytest.raises(StoreCorruptError, match="table bodies is gone"):
        served.open()
    assert "bodies" not in ask(server, f"SHOW TABLES FROM {database(served)}")


def test_calls_move_to_a_server(place: Place, server: ClickHouseServer, tmp_path: Path) -> None:
    """From either engine, however many days there are, and twice without doubling anything."""
    calls = [
        record(received_at=NOW - age * DAY, start_time=NOW - age * DAY, body=f"body {age}")
        for age in range(4)
    ] + [record(received_at=NOW - 2 * DAY) for _ in range(3)]
    source = place.open()
    source.insert(batch(*calls), token="t")
    target = Place(server.url(f"target_{tmp_path.name.replace('-', '_')}"), tmp_path)

    steps: list[tuple[int, int]] = []
    for _ in range(2):
        opened = target.open()
        assert source.copy_to(opened, lambda done, total: steps.append((done, total))) == 7
        assert [opened.call(PROJECT, call["span_id"]) for call in calls] == [*map(unjudged, calls)]
        assert len(opened.calls(PROJECT, CallQuery())) == 7
        target.close()
    assert steps[-1] == (7, 7)


def test_what_a_server_acknowledged_survives_its_kill(tmp_path: Path) -> None:
    """The store goes on when the server is back; a batch in between raises and can be repeated."""
    with clickhouse_server(tmp_path) as server:
        store = open_call_store(server.url("arc"), tmp_path)
        for number in range(5):
            store.insert(batch(record(body="said")), token=f"before-{number}")
        server.kill()
        unlucky = batch(record(body="said"))
        with pytest.raises(StoreError, match="No ClickHouse answers"):
            store.insert(unlucky, token="unlucky")
        server.start()
        store.insert(unlucky, token="unlucky")
        rows = store.calls(PROJECT, CallQuery())
        assert len(rows) == 6
        for row in rows:
            call = store.call(PROJECT, row["span_id"])
            assert call is not None
            assert call["body"] == "said"
        store.close()


def test_a_package_of_others_brings_a_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its module is found by the scheme, and what it says goes to the person who named it."""
    (tmp_path / "their_store.py").write_text(
        "from arc_core.storage import StoreError\n"
        "def connect(url, folder, *, memory_limit_mb):\n"
        "    raise StoreError(f'{url} has moved')\n"
    )
    described = tmp_path / "their_store-1.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Name: their-store\nVersion: 1\n")
    (described / "entry_points.txt").write_text(
        "[arc.stores]\ntheirs = their_store\ngone = their_store_of_old\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(StoreError, match="theirs://x has moved"):
        open_call_store("theirs://x", tmp_path)
    with pytest.raises(StoreError, match="'gone' of their_store_of_old cannot be loaded"):
        open_call_store("gone://x", tmp_path)
    with pytest.raises(StoreError, match="start with chdb or clickhouse or gone or theirs"):
        open_call_store("mysql://x", tmp_path)
