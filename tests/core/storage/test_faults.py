"""What happens to the embedded store when something goes wrong around it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from arc_core.storage import (
    CallQuery,
    StoreBusyError,
    StoreCorruptError,
    StoreError,
    StoreFullError,
    open_call_store,
)
from core.call_records import PROJECT, batch, record
from core.storage import writer

WRITER = str(Path(__file__).with_name("writer.py"))


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a process that inserts into the store in `folder`; its output are numbers of batches."""
    command = [sys.executable, WRITER, str(folder), "chdb"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def filled(folder: Path) -> None:
    store = open_call_store(None, folder)
    store.insert(batch(*(record(body="said") for _ in range(100))), token="t")
    store.close()


def content(folder: Path) -> dict[str, bytes]:
    """Return all that is in the tables and in what describes them."""
    calls = folder / "calls"
    return {
        str(path.relative_to(calls)): path.read_bytes()
        for area in ("store", "metadata")
        for path in (calls / area).rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("after", [1, 7, 20])
def test_what_was_acknowledged_survives_a_kill(tmp_path: Path, after: int) -> None:
    """A batch that was not acknowledged is there as a whole or not at all, in both tables."""
    with writing(tmp_path) as process:
        assert process.stdout is not None
        acknowledged = [process.stdout.readline().strip() for _ in range(after)]
        process.kill()
        acknowledged += process.stdout.read().split()

    store = open_call_store(None, tmp_path)
    numbers = range(int(acknowledged[-1]) + 2)
    for number in numbers:
        found = store.calls(PROJECT, CallQuery(session=str(number), limit=1000))
        assert len(found) == writer.ROWS if str(number) in acknowledged else len(found) in (0, 50)
        for row in found[:2]:
            call = store.call(PROJECT, row["span_id"])
            assert call is not None
            assert call["body"] == f"body of {number}"
    store.close()


def test_a_second_process_is_told_who_has_the_folder(tmp_path: Path) -> None:
    with writing(tmp_path) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(StoreBusyError, match=rf"open in process {process.pid} .* since 20"):
            open_call_store(None, tmp_path)
    open_call_store(None, tmp_path).close()  # a process that is gone holds nothing


def test_one_process_opens_one_folder(tmp_path: Path) -> None:
    store = open_call_store(None, tmp_path / "one")
    with pytest.raises(StoreBusyError, match="this process has another call store open"):
        open_call_store(None, tmp_path / "two")
    with pytest.raises(StoreBusyError, match=f"process {os.getpid()}"):
        open_call_store(None, tmp_path / "one")
    store.close()
    open_call_store(None, tmp_path / "two").close()


def _no_tables(calls: Path) -> None:
    (calls / "metadata" / "arc").unlink()
    (calls / "metadata" / "arc.sql").unlink()


def _no_table(calls: Path) -> None:
    (path,) = calls.glob("store/*/*/calls.sql")
    path.unlink()


def _garbled_table(calls: Path) -> None:
    (path,) = calls.glob("store/*/*/calls.sql")
    path.write_bytes(b"\0" * 100)


def _garbled_database(calls: Path) -> None:
    (calls / "metadata" / "arc.sql").write_bytes(b"\0" * 100)


def _part(calls: Path) -> Path:
    return next(calls.glob("store/*/*/20*"))


def _no_data(calls: Path) -> None:
    (_part(calls) / "data.bin").unlink()


def _short_data(calls: Path) -> None:
    path = _part(calls) / "data.bin"
    path.write_bytes(path.read_bytes()[:-10])


def _garbled_checksums(calls: Path) -> None:
    (_part(calls) / "checksums.txt").write_bytes(b"\0" * 100)


@pytest.mark.parametrize(
    "damage",
    [
        _no_tables,
        _no_table,
        _garbled_table,
        _garbled_database,
        _no_data,
        _short_data,
        _garbled_checksums,
    ],
)
def test_a_damaged_folder_is_refused_and_left_as_it_is(tmp_path: Path, damage) -> None:  # type: ignore[no-untyped-def]
    filled(tmp_path)
    damage(tmp_path / "calls")
    before = content(tmp_path)
    with pytest.raises(StoreCorruptError, match=r"damaged.*nothing was changed.*move it away"):
        open_call_store(None, tmp_path)
    assert content(tmp_path) == before


def test_garbled_data_is_noticed_when_it_is_read(tmp_path: Path) -> None:
    """Opening reads no data: that would take long. Nothing wrong is ever returned."""
    filled(tmp_path)
    for path in (tmp_path / "calls").glob("store/*/*/20*/data.bin"):
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2] + b"XXXX" + data[len(data) // 2 + 4 :])
    # one store may be open in a process: left open by a failure it would fail all tests after it
    store = open_call_store(None, tmp_path)
    try:
        with pytest.raises(StoreCorruptError, match="damaged"):
            store.calls(PROJECT, CallQuery())
    finally:
        store.close()


def test_a_folder_can_be_moved(tmp_path: Path) -> None:
    filled(tmp_path / "here")
    shutil.move(tmp_path / "here", tmp_path / "there")
    store = open_call_store(None, tmp_path / "there")
    assert store.info().calls == 100
    store.close()


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "calls").write_text("a file")
    with pytest.raises(StoreError, match="cannot hold the call store"):
        open_call_store(None, tmp_path)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 24 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("only root can make a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_is_said_and_loses_nothing(small_disk: Path) -> None:
    """Each batch that was accepted is there; with room again, the one that failed gets in."""
    store = open_call_store(None, small_disk)
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"\0" * 4_000_000)
    accepted = 0
    try:
        while accepted < 100:
            calls = batch(*(record(body=os.urandom(1000).hex()) for _ in range(500)))
            store.insert(calls, token=f"batch-{accepted}")
            accepted += 1
    except StoreFullError as error:
        refusal = str(error)
    assert accepted in range(1, 100)
    assert "no room left" in refusal
    assert len(store.calls(PROJECT, CallQuery(limit=1000))) == min(accepted * 500, 1000)

    ballast.unlink()
    store.insert(calls, token=f"batch-{accepted}")
    accepted += 1
    assert store.info().calls == accepted * 500
    store.close()
    store = open_call_store(None, small_disk)
    assert store.info().calls == accepted * 500
    store.close()
