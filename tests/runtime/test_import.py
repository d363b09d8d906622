"""What `import runtime` brings into a process."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("grpc", "google.protobuf", "prometheus_client", "re2", "jsonpatch", "openai")

PROGRAM = """
import sys
import runtime
print([name for name in {heavy!r} if name in sys.modules])
arc = runtime.Arc(endpoint="", metrics_port=0, log_level="WARNING")
print(arc.explain({{"model": "gpt-4.1-2025-04-14", "temperature": 1}}).decision.body["temperature"])
print("re2" in sys.modules)
"""


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    """Neither transport nor metrics on import, nor regular expressions that no pattern has."""
    program = PROGRAM.format(heavy=HEAVY)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split("\n")[:3] == ["[]", "0.7", "False"]
