"""Memory and import time of Arc beyond those of the SDK and of Arc's dependencies."""

from __future__ import annotations

import statistics
import subprocess
import sys

_MEMORY = """
import openai, sys, time
sys.path[:0] = {path!r}
def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096 / 2**20
from benchmarks import stub
client = stub.install()
for _ in range(200):  # the SDK's own memory of its first calls is not Arc's
    client.chat.completions.create(model="gpt-4.1", messages=[], temperature=0.95)
before = resident()
from runtime import Arc
arc = Arc(endpoint={endpoint!r}, metrics_port=0, log_level="WARNING")
for _ in range(200):
    client.chat.completions.create(model="gpt-4.1", messages=[], temperature=0.95)
assert arc.flush(10)
print(resident() - before)
arc.shutdown()
"""
_IMPORT = """
import time
import {first}
started_at = time.process_time()
import runtime
print((time.process_time() - started_at) * 1e3)
"""
RUNS = 5


def main() -> None:
    """Print medians over fresh processes."""
    from telemetry.receiver import Receiver

    with Receiver() as receiver:
        code = _MEMORY.format(path=sys.path[:2], endpoint=receiver.endpoint)
        print(f"memory over `import openai`, gRPC running   {_median(code):6.1f} MiB")
    for first in ("openai", "sys"):
        cpu_ms = _median(_IMPORT.format(first=first))
        print(f"`import runtime` after `import {first}`".ljust(44), f"{cpu_ms:5.1f} ms of CPU")


def _median(code: str) -> float:
    runs = [
        float(
            subprocess.run(
                [sys.executable, "-c", code], capture_output=True, text=True, check=True
            ).stdout
        )
        for _ in range(RUNS)
    ]
    return statistics.median(runs)


if __name__ == "__main__":
    main()
