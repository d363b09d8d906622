"""From start to ready, and memory when idle: `python -m benchmarks.core_start`.

`--calls` is how many calls the filled store has, 10,000,000 for the figures of the project's goals;
`--folder` keeps it for the next time. Linux only.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import psutil

from arc_core.storage import open_call_store
from benchmarks.core_storage import Calls, fill
from core.core_process import core

_ROWS = 8192
_IDLE_S = 15.0
"""Until memory is looked at."""


def main() -> None:
    """Print seconds until ready, the processor time in them, and memory when idle."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=200_000)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        empty, filled = Path(temporary), arguments.folder or Path(temporary, "filled")
        figures = [start(empty / str(number)) for number in range(arguments.starts)]
        show("first start, empty folder", figures)
        show("empty store", [start(empty / "0") for _ in range(arguments.starts)])
        count = prepare(filled, arguments.calls)
        show(f"{count:,} calls", [start(filled) for _ in range(arguments.starts)])


def prepare(folder: Path, calls: int) -> int:
    """Fill the store unless it is filled; return how many calls it has."""
    folder.mkdir(parents=True, exist_ok=True)
    store = open_call_store(None, folder)
    if not store.info().calls:
        fill(store, Calls(calls), calls, _ROWS)
    count = store.info().calls
    store.close()
    return count


def start(folder: Path) -> tuple[float, ...]:
    """Start a Core; return seconds and processor seconds until ready, then idle MB.

    These are all that is resident, and what is left of it without files, such as the engine's code.
    """
    started = time.perf_counter()
    with core(folder) as running:
        took_s = time.perf_counter() - started
        usage = psutil.Process(running.process.pid)
        computed = usage.cpu_times()
        time.sleep(_IDLE_S)
        memory = usage.memory_info()
        running.terminate()
    private = memory.rss - memory.shared
    return took_s, computed.user + computed.system, memory.rss / 1e6, private / 1e6


def show(what: str, figures: list[tuple[float, ...]]) -> None:
    """Print medians, and the worst time."""
    took, computed, resident, private = (sorted(column) for column in zip(*figures))
    print(
        f"{what:28} ready after {statistics.median(took):.2f} s (worst {took[-1]:.2f}), "
        f"{statistics.median(computed):.2f} s of computing; "
        f"idle {statistics.median(resident):.0f} MB, "
        f"{statistics.median(private):.0f} of it private",
        flush=True,
    )


if __name__ == "__main__":
    main()
