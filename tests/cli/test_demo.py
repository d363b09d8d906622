"""`arc demo` as people run it: it shows what it claims, says so where not, and cleans up."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from arc_cli.demo import side_by_side
from arc_cli.demo.children import Place
from arc_cli.demo.terminal import Claims


class Demo:
    """A demo that runs; its temporary files are in a folder of the test's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # settings of the user's that would make another demo of it
        env = {**os.environ, "TMPDIR": str(folder), "ARC_MODE": "observe", "ARC_CORE_PORT": "x"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "arc_cli", "demo"],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def read_until(self, start: str) -> None:
        """Read what it prints, to a line that starts so."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith(start):
                return
        raise AssertionError(f"It never said {start!r}.")

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self) -> tuple[str, str]:
        """Wait for its end, after which its folder is empty; return what it printed."""
        out, err = self.process.communicate(timeout=180)
        assert list(self.folder.iterdir()) == []
        return out, err


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    running = Demo(tmp_path)
    yield running
    if running.process.poll() is None:
        running.process.terminate()
        running.process.communicate(timeout=30)


def test_shows_what_it_claims(demo: Demo) -> None:
    """It ends well by its own checks, and says all of it within 80 columns."""
    out, err = demo.end()
    assert demo.process.returncode == 0, out + err
    assert err == ""
    assert "Failed calls: 4 without Arc, 0 with Arc." in out
    assert "$ arc patterns add --name o4-mini-top-p" in out
    assert "All Runtimes are connected again." in out
    summary = [line.split("  ") for line in out.partition("== Summary")[2].splitlines()]
    for title in (
        "Fixed after the push (ms)",
        "Calls while Core was away",
        "Calls in Core's store",
    ):
        [cells] = [line for line in summary if line[0] == title]
        assert len([cell for cell in cells[1:] if cell]) == 3
    [pushed] = [line for line in summary if line[0] == "Fixed after the push (ms)"]
    slowest = max(int(cell) for cell in pushed[1:] if cell)
    claim = f"The push was in force in all applications after {slowest} ms: within a second."
    assert (claim in out) == (slowest <= 1000)
    loop = out.partition("== 3.")[2]
    # learned, proven, let go when the rule is gone, and back when it is
    steps = [
        loop.index(step)
        for step in ("Core has learned", ": canary:", ": active: treated", ": dormant: calls that")
    ]
    assert steps == sorted(steps)
    assert ": active: the failure is back" in loop[steps[-1] :]
    others = next(line for line in loop.splitlines() if "others that were changed" in line)
    assert others.split()[-3:] == ["0", "0", "0"]
    assert "The rule was made: protected after" in loop
    wide = [line for line in out.splitlines() if len(line) > 80 and str(demo.folder) not in line]
    assert wide == []


@pytest.mark.parametrize(
    ("number", "line", "least"),
    [
        (signal.SIGTERM, "A provider simulator is at", 1),
        (signal.SIGINT, "search, shop, support call", 5),
    ],
)
def test_interrupted_leaves_nothing(
    demo: Demo, number: signal.Signals, line: str, least: int
) -> None:
    """Ctrl-C, and being told to end, ends every process and removes every file."""
    demo.read_until(line)
    children = demo.children()
    assert len(children) >= least  # in part two Core, the simulator and three applications
    demo.process.send_signal(number)
    _, err = demo.end()
    assert demo.process.returncode == 130
    assert "Traceback" not in err
    assert not [child for child in children if child.is_running()]


def test_an_application_that_dies_fails_it(demo: Demo) -> None:
    """What does not happen is named, and the exit code says so."""
    demo.read_until("search, shop, support call")
    children = demo.children()
    for child in children:
        with contextlib.suppress(psutil.NoSuchProcess):
            if "arc_cli.demo.application" in child.cmdline():
                child.kill()
                break
    else:
        raise AssertionError("There is no application.")
    _, err = demo.end()
    assert demo.process.returncode == 1
    assert "did not happen (it ended)" in err
    assert not [child for child in children if child.is_running()]


def test_claims_are_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the provider refuses nothing, the first part is not what it claims to be."""
    lenient = [case._replace(rule=None) if case.rule else case for case in side_by_side.CASES]
    strict = {case.title for case in side_by_side.CASES if case.rule}
    monkeypatch.setattr(side_by_side, "CASES", lenient)
    monkeypatch.setattr(
        type(lenient[0]), "harmless", property(lambda case: case.title not in strict)
    )
    claims = Claims()
    with ExitStack() as ends:
        side_by_side.show(Place(tmp_path, ends), claims)
    assert claims.verdict() == 1
    assert "A parameter that was renamed: without Arc as expected" in capsys.readouterr().err
