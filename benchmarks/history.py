"""Fills a store with many calls in minutes: `python -m benchmarks.history FOLDER --calls 10000000`.

A sample is inserted as Core does it; the engine itself then repeats it, each time a step earlier,
with other ids. The calls of a trace stay together.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from arc_core.storage import open_call_store
from arc_core.storage.engines import chdb
from arc_core.storage.schema import TABLES
from benchmarks.core_storage import Calls

SAMPLE = 100_000
_ROWS = 8192
_MEMORY_MB = 4000
_SPREAD_S = 86_400
"""The calls started evenly over so long, up to now."""
_OTHER = {
    "start_time": "start_time - toIntervalMicrosecond({shift})",
    "trace_id": "lower(hex(MD5(concat(trace_id, '{copy}'))))",
    "span_id": "substring(lower(hex(MD5(concat(span_id, '{copy}')))), 1, 16)",
    "session": "substring(lower(hex(MD5(concat(trace_id, '{copy}')))), 1, 8)",
}


def main() -> None:
    """Fill the folder unless it is filled."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--calls", type=int, default=10_000_000)
    arguments = parser.parse_args()
    started = time.monotonic()
    calls = fill(arguments.folder, arguments.calls)
    print(f"{calls:,} calls after {time.monotonic() - started:.0f} s")


def fill(folder: Path, total: int, *, spread_s: int = _SPREAD_S) -> int:
    """Fill a store that is empty, and leave it merged; return how many calls it has."""
    folder.mkdir(parents=True, exist_ok=True)
    copies = max(1, total // SAMPLE)
    rows = min(total, SAMPLE)
    store = open_call_store(None, folder, memory_limit_mb=_MEMORY_MB)
    try:
        if store.info().calls:
            return store.info().calls
        calls = Calls(rows, spread_s=spread_s // copies)
        for first in range(0, rows, _ROWS):
            store.insert(calls.batch(min(_ROWS, rows - first)), token=f"sample-{first}")
    finally:
        store.close()
    engine = chdb.connect("chdb", folder, memory_limit_mb=_MEMORY_MB)
    try:
        for table in TABLES:
            engine.command(f"CREATE TABLE {engine.database}.sample AS {engine.database}.{table}")
            engine.command(
                f"INSERT INTO {engine.database}.sample SELECT * FROM {engine.database}.{table}"
            )
            for copy in range(1, copies):
                _repeat(engine, table, copy, copy * spread_s * 1_000_000 // copies)
            engine.command(f"DROP TABLE {engine.database}.sample SYNC")
        _wait_for_merges(engine)
    finally:
        engine.close()
    return copies * rows


def _repeat(engine: chdb.ChdbEngine, table: str, copy: int, shift: int) -> None:
    names = [column.name for column in TABLES[table]]
    selected = ", ".join(
        f"{_OTHER[name].format(copy=copy, shift=shift)} AS {name}" if name in _OTHER else name
        for name in names
    )
    engine.command(
        f"INSERT INTO {engine.database}.{table} ({', '.join(names)})"
        f" SELECT {selected} FROM {engine.database}.sample AS sample"
        " SETTINGS max_threads = 1, max_insert_threads = 1, prefer_column_name_to_alias = 1"
    )


def _wait_for_merges(engine: chdb.ChdbEngine) -> None:
    quiet = 0
    while quiet < 3:
        found = engine.query("SELECT count() AS merges FROM system.merges", {})
        quiet = 0 if json.loads(found)["merges"] else quiet + 1
        time.sleep(1)


if __name__ == "__main__":
    main()
