"""SDKs that other distributions make known to Arc."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

from runtime import Arc

PROVIDER = """
SDK, MAJORS = "their_sdk", (1,)
class Seam:
    def wrap(self, client):
        return "wrapped" if client == "theirs" else None
def intercept(sdk, interception, seam):
    sdk.intercepted = True
    return Seam()
"""


@pytest.mark.parametrize("broken", ["", "broken = gone\n"])
def test_a_provider_of_others_is_used_whatever_its_neighbours_do(
    broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    """One that cannot be loaded is named in one sentence, and the next one is in force."""
    described = tmp_path / "theirs-1.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1\n")
    entries = f"[arc.providers]\n{broken}theirs = their_provider\n"
    (described / "entry_points.txt").write_text(entries)
    (tmp_path / "their_provider.py").write_text(PROVIDER)
    (tmp_path / "their_sdk.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("their_provider", "their_sdk"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    arc = Arc(endpoint="", metrics_port=0)
    try:
        assert importlib.import_module("their_sdk").intercepted
        assert arc.wrap("theirs") == "wrapped"
        assert not arc.faults()
    finally:
        arc.shutdown()
    warnings = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert len(warnings) == bool(broken)
    assert all("'broken' (gone) cannot be used: ModuleNotFoundError" in each for each in warnings)
