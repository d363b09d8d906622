"""`arc run`: a program under Arc is what it is without, but for the protection."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Sequence

import pytest

CALL = """
import os
import openai

def call():
    with openai.OpenAI(base_url=os.environ["BASE_URL"], api_key="k") as client:
        client.chat.completions.create(
            model="gpt-4.1", temperature=0.95, messages=[{"role": "user", "content": "x"}]
        )
"""
REPORT = """
import json, signal, sys
import __main__
print(json.dumps([
    sys.argv, sys.path, __name__, __file__, __spec__ and __spec__.name,
    sys.flags.optimize, sys._xoptions, __main__.__dict__ is globals(), sys.stdin.read(),
    sorted(str(signal.getsignal(each)) for each in signal.Signals),
    sorted(set(sys.modules) - {"sitecustomize"}),
]))
"""


ARC = str(Path(sys.executable).parent / "arc")


def started(folder: Path, *command: str, **env: str) -> Any:
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "ARC_ENDPOINT": "", "ARC_METRICS_PORT": "0", **env},
        input="typed",
        capture_output=True,
        text=True,
        timeout=60,
    )


def python(folder: Path, *command: str, **env: str) -> Any:
    return started(folder, sys.executable, *command, **env)


def run(folder: Path, *command: str, **env: str) -> Any:
    return started(folder, ARC, "run", *command, **env)


@pytest.mark.parametrize(
    "command",
    [("app.py",), ("app.py", "-m", "x y"), ("-m", "app", "a"), ("-m", "package"), ("package",)],
    ids=" ".join,
)
def test_program_finds_what_python_gives_it(command: Sequence[str], tmp_path: Path) -> None:
    """Arguments, path, __main__, standard input, signal handlers and modules are the same."""
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").touch()
    for name in ("app.py", "package/__main__.py"):
        (tmp_path / name).write_text(REPORT)
    plain = python(tmp_path, *command)
    assert plain.stdout
    under_arc = run(tmp_path, *command)
    assert (under_arc.stdout, under_arc.stderr) == (plain.stdout, plain.stderr)


def test_options_of_the_interpreter_are_kept(tmp_path: Path) -> None:
    """What `python -O -X dev` means for `arc run`, it means for the program."""
    (tmp_path / "app.py").write_text("import sys; print(sys.flags.optimize, sys.flags.dev_mode)")
    done = python(tmp_path, "-O", "-X", "dev", "-m", "arc_cli", "run", "app.py")
    assert done.stdout.split() == ["1", "True"]


@pytest.mark.parametrize(
    ("program", "code"),
    [
        ("raise SystemExit(7)", 7),
        ("raise SystemExit('a text')", 1),
        ("def f():\n    1 / 0\nf()", 1),
        ("syntax error", 1),
        ("raise KeyboardInterrupt", -2),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGTERM)", -15),
        ("import os\nos._exit(9)", 9),
        ("import atexit\natexit.register(print, 'end')\nraise SystemExit(0)", 0),
    ],
)
def test_program_ends_as_under_python(program: str, code: int, tmp_path: Path) -> None:
    """Exit codes, signals, tracebacks and what runs at exit are the same."""
    (tmp_path / "app.py").write_text(program)
    plain, under_arc = python(tmp_path, "app.py"), run(tmp_path, "app.py")
    assert plain.returncode == code
    assert under_arc.returncode == code
    assert (under_arc.stdout, under_arc.stderr) == (plain.stdout, plain.stderr)


def test_signals_reach_the_program(tmp_path: Path) -> None:
    """The process that was started is the program: a signal to it needs nobody to pass it on."""
    (tmp_path / "app.py").write_text(
        "import signal, sys\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))\n"
        "print('ready', flush=True)\n"
        "signal.pause()\n"
    )
    with subprocess.Popen([ARC, "run", "app.py"], cwd=tmp_path, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.terminate()
        assert process.wait(10) == 5


def test_calls_are_protected(space: Any, tmp_path: Path) -> None:
    """A program that does not know Arc has its calls fixed, however it looks for the SDK."""
    look = "import importlib.util\nassert importlib.util.find_spec('openai')\n"
    (tmp_path / "app.py").write_text(look + CALL + "call()")
    done = run(tmp_path, "app.py", BASE_URL=space.base_url)
    assert done.returncode == 0, done.stderr
    assert "Arc" in done.stderr
    assert [each["json"]["temperature"] for each in space.requests()] == [0.7]


def test_processes_of_the_program_are_protected(space: Any, tmp_path: Path) -> None:
    """Workers that are started anew, as web servers do, are protected as forked ones are."""
    (tmp_path / "app.py").write_text(
        CALL + "import multiprocessing\n"
        "if __name__ == '__main__':\n"
        "    worker = multiprocessing.get_context('spawn').Process(target=call)\n"
        "    worker.start()\n"
        "    worker.join()\n"
        "    raise SystemExit(worker.exitcode)\n"
    )
    done = run(tmp_path, "app.py", BASE_URL=space.base_url)
    assert done.returncode == 0, done.stderr
    assert [each["json"]["temperature"] for each in space.requests()] == [0.7]


def test_kill_switch(space: Any, tmp_path: Path) -> None:
    """With ARC_DISABLE=1 the calls leave as the program made them."""
    (tmp_path / "app.py").write_text(CALL + "call()")
    done = run(tmp_path, "app.py", BASE_URL=space.base_url, ARC_DISABLE="1")
    assert (done.returncode, done.stderr) == (0, "")
    assert [each["json"]["temperature"] for each in space.requests()] == [0.95]


def test_sitecustomize_of_the_program_is_run(tmp_path: Path) -> None:
    """Arc's way in does not close that of others."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "sitecustomize.py").write_text("import sys; sys.customized = True")
    (tmp_path / "app.py").write_text(
        "import sys, sitecustomize; print(sys.customized, sitecustomize.__file__)"
    )
    path = str(tmp_path / "own")
    plain = python(tmp_path, "app.py", PYTHONPATH=path)
    assert plain.stdout.startswith("True")
    assert run(tmp_path, "app.py", PYTHONPATH=path).stdout == plain.stdout


def test_package_of_the_same_name_is_said(space: Any, tmp_path: Path) -> None:
    """A program with a module `runtime` of its own runs, and is told that nothing protects it."""
    (tmp_path / "runtime.py").write_text("own = 1")
    (tmp_path / "app.py").write_text(CALL + "call()\nimport runtime\nassert runtime.own")
    done = run(tmp_path, "app.py", BASE_URL=space.base_url)
    assert done.returncode == 0, done.stderr
    assert "not protected" in done.stderr
    assert "runtime" in done.stderr


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (("none.py",), "there is no file none.py"),
        (("-X", "dev", "app.py"), "python -X -m arc_cli run"),
        ((), "usage: arc run"),
    ],
)
def test_what_is_no_program_is_one_sentence(
    command: Sequence[str], told: str, tmp_path: Path
) -> None:
    """It says what is wrong and what to write; the exit code is that of bad usage."""
    done = run(tmp_path, *command)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_interpreter_that_hears_nothing(tmp_path: Path) -> None:
    """An isolated interpreter ignores what would activate Arc: better refused than unprotected."""
    (tmp_path / "app.py").touch()
    done = python(tmp_path, "-I", "-m", "arc_cli", "run", "app.py")
    assert done.returncode == 2
    assert "-I" in done.stderr
