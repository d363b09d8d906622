"""Runs every measurement: `make bench`, or `python -m benchmarks overhead` for one."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
ALL = ("overhead", "worker", "concurrency", "footprint")

for name in sys.argv[1:] or ALL:
    print(f"== {name}", flush=True)
    # a process of its own each, as they replace parts of the SDK
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); "
        f"from benchmarks import {name}; {name}.main()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
