"""What an idle Core keeps in memory."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from core.core_process import core

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

FORGETS = """
import re, sys
from pathlib import Path
from arc_core._server.memory import forget_code
from arc_core.storage import CallQuery, open_call_store

def code_kb():
    maps = Path("/proc/self/smaps").read_text()
    found = re.findall(r" r-xp .*_chdb.*\\n.*\\n.*\\n.*\\nRss: +(\\d+)", maps)
    return sum(map(int, found))

store = open_call_store(None, Path(sys.argv[1]))
before = code_kb()
forget_code()
after = code_kb()
print(before, after, store.calls("default", CallQuery()), store.info().calls)
store.close()
"""


def test_code_that_only_the_start_needed_is_let_go_of(tmp_path: Path) -> None:
    """Half of it at least; the engine goes on to answer."""
    done = subprocess.run(
        [sys.executable, "-c", FORGETS, str(tmp_path)], capture_output=True, text=True, check=True
    )
    before, after, *answers = done.stdout.split()
    assert int(before) > 50_000, "the engine's code is not where it was looked for"
    assert int(after) < int(before) / 2
    assert answers == ["[]", "0"]


def test_an_idle_core_has_loaded_nothing_that_inserts_alone_need(tmp_path: Path) -> None:
    with core(tmp_path) as started:
        maps = Path(f"/proc/{started.process.pid}/maps").read_text()
    loaded = set(re.findall(r"lib(arrow|parquet|scipy_openblas)", maps))
    assert not loaded
