"""The tests of the client library on every Python here, with old and new SDKs: `make matrix`."""

import sys

import nox

nox.options.error_on_missing_interpreters = False

# oldest supported and newest of each major, spread over the interpreters that can have them
MATRIX = [
    ("3.8", ["openai==1.0.0", "httpx<0.28"]),  # 1.0 passes an argument that httpx 0.28 removed
    ("3.8", ["openai"]),
    ("3.9", ["openai==1.109.1"]),
    ("3.9", ["openai"]),
    ("3.10", ["openai==2.0.0"]),
    ("3.10", ["openai==2.54.0"]),
    ("3.11", ["openai==3.0.0"]),
    ("3.12", ["openai"]),
    ("3.13", ["openai"]),
]


def _session(python: str, packages: "list[str]") -> None:
    name = f"client-{python}-{packages[0]}"

    @nox.session(python=python, name=name)
    def client(session: nox.Session) -> None:
        session.install(
            "--quiet", "pytest", "pyyaml", "opentelemetry-sdk", *packages, "--editable", "."
        )
        # the simulator needs Python 3.10 and more packages: the environment of `make` has them
        env = {"ARC_TEST_SIMULATOR_PYTHON": sys.executable}
        session.run("pytest", "tests/protocol", "tests/runtime", "tests/telemetry", env=env)


for _row in MATRIX:
    _session(*_row)
