"""Detectors are found by being there, also those that other distributions bring."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import List

PROGRAM = """
import logging, sys
logging.basicConfig(format="%(message)s", stream=sys.stdout)
from arc_protocol import semconv
from arc_protocol.detection import kinds
from arc_protocol.detection.exchange import read

parts = [{"type": "text", "content": "as an AI, I"}]
said = {"role": "assistant", "finish_reason": "length", "parts": parts}
for _ in range(2):
    print(kinds(read({semconv.OPERATION_NAME: "chat"}, {semconv.OUTPUT_MESSAGES: [said]})))
"""


def run(tmp_path: Path, entry_points: str, **modules: str) -> List[str]:
    """Return what a program prints that has a distribution with these modules installed."""
    described = tmp_path / "theirs-1.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1\n")
    (described / "entry_points.txt").write_text(f"[arc.detectors]\n{entry_points}")
    for name, text in modules.items():
        (tmp_path / f"{name}.py").write_text(text)
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{PROGRAM}"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.splitlines()


def test_what_a_package_of_others_sees_is_named_beside_what_arc_sees(tmp_path: Path) -> None:
    """In the order of precedence: truncation, which has 40, is not what explains it."""
    theirs = "PRECEDENCE = 5\ndef detect(seen): return 'as an AI' in seen.outputs[0].text"
    lines = run(tmp_path, "boilerplate = theirs\n", theirs=theirs)
    assert lines == ["['boilerplate', 'truncated']"] * 2


def test_one_that_is_broken_harms_nothing(tmp_path: Path) -> None:
    """It is named once, with what to do, whether it cannot be loaded or fails on a call."""
    failing = "PRECEDENCE = 5\ndef detect(seen): return 1 / 0"
    lines = run(tmp_path, "away = gone\nfailing = failing\n", failing=failing)
    assert [line for line in lines if line.startswith("[")] == ["['truncated']"] * 2
    said = [line for line in lines if not line.startswith("[")]
    assert len(said) == 2
    assert "'away' (gone) cannot be used: ModuleNotFoundError" in said[0]
    assert "'failing' failed: ZeroDivisionError" in said[1]
