"""What `import runtime` brings into a process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Optional

import platformdirs
import pytest

from runtime import _cache

HEAVY = ("grpc", "google.protobuf", "prometheus_client", "re2", "jsonpatch", "openai", "difflib")

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


@pytest.mark.parametrize("named", [None, "", "/somewhere/else", "not/absolute"])
@pytest.mark.parametrize("home", [None, "/at/home", "not/absolute"])
def test_cache_folder_is_the_platforms_own(
    monkeypatch: pytest.MonkeyPatch, named: Optional[str], home: Optional[str]
) -> None:
    """Where Arc answers without `platformdirs`, the answer is the same."""
    for variable, value in (("XDG_CACHE_HOME", named), ("HOME", home)):
        if value is None:
            monkeypatch.delenv(variable, raising=False)
        else:
            monkeypatch.setenv(variable, value)
    expected: Path = platformdirs.user_cache_path("arc-runtime", appauthor=False)
    assert _cache.folder(None) == expected
