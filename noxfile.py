"""The tests of the client library on every Python here, with old and new SDKs: `make matrix`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nox

nox.options.default_venv_backend = "venv"  # virtualenv no longer makes those of Python 3.8
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = False
nox.options.download_python = "never"

EVENT_LOOPS = ["gevent", "trio", "uvloop"]
TRACERS = ["openinference-instrumentation-openai", "opentelemetry-instrumentation-genai-openai"]

# oldest supported and newest of each major, spread over the interpreters that can have them;
# other event loops and tracers go with a few
MATRIX = [
    ("3.8", ["openai==1.0.0", "httpx<0.28"]),  # 1.0 passes an argument that httpx 0.28 removed
    ("3.8", ["openai", "celery", *EVENT_LOOPS]),
    ("3.9", ["openai==1.7.2", "httpx<0.28"]),  # 1.6 to 1.8 find types their own way
    ("3.9", ["openai==1.109.1"]),
    ("3.9", ["openai"]),
    ("3.10", ["openai==2.0.0"]),
    ("3.10", ["openai==2.54.0", *TRACERS, "opentelemetry-instrumentation-openai-v2"]),
    ("3.11", ["openai==3.0.0"]),
    ("3.12", ["openai"]),
    ("3.13", ["openai", "celery", *TRACERS, *EVENT_LOOPS]),
]

WITH_SDK = ["tests/runtime", "tests/telemetry", "tests/test_real_api.py"]
PURE = ["tests/protocol"]
"""What no SDK has a part in: once per interpreter."""


def _directories() -> list[Path]:
    """Return where interpreters may be: PATH, then what pyenv has without showing it there."""
    on_path = [Path(entry) for entry in os.get_exec_path()]
    if not shutil.which("pyenv"):
        return on_path
    done = subprocess.run(["pyenv", "root"], capture_output=True, text=True, check=True)
    return [*on_path, *sorted(Path(done.stdout.strip()).glob("versions/*/bin"))]


def _interpreter(version: str) -> str | None:
    for directory in _directories():
        path = directory / f"python{version}"
        # pyenv has shims for versions that it then refuses to run
        if path.is_file() and subprocess.run([path, "-c", ""], capture_output=True).returncode == 0:
            return str(path)
    return None


def _session(python: str, packages: list[str], interpreter: str | None, tests: list[str]) -> None:
    @nox.session(python=interpreter or python, name=f"client-{python}-{packages[0]}")
    def client(session: nox.Session) -> None:
        session.install(
            *("--quiet", "--upgrade"),  # in an environment of last week, the newest is of last week
            *("pytest", "pyyaml", "opentelemetry-sdk", "trustme", *packages, "--editable", "."),
        )
        # the simulator needs Python 3.10 and more packages: the environment of `make` has them
        env = {"ARC_TEST_SIMULATOR_PYTHON": sys.executable}
        # rows run at the same time, so they share no cache
        session.run("pytest", "-p", "no:cacheprovider", *tests, *session.posargs, env=env)


_INTERPRETERS = {python: _interpreter(python) for python, _ in MATRIX}
if not any(_INTERPRETERS.values()):
    sys.exit(f"No row of the matrix can run: there is no Python {', '.join(_INTERPRETERS)} here.")
_first = dict(reversed(MATRIX))
for _python, _packages in MATRIX:
    _tests = [*PURE, *WITH_SDK] if _packages is _first[_python] else WITH_SDK
    _session(_python, _packages, _INTERPRETERS[_python], _tests)
