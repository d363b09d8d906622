"""Core signs its pattern sets, and a Runtime takes nothing else: real processes."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from core.core_process import CoreProcess, core, run
from core.server import rest
from waiting import wait_until

_PROGRAM = """
import sys
from runtime import Arc
arc = Arc()
for line in sys.stdin:
    print([p.name for p in arc.patterns() if p.origin.label == "pushed"], flush=True)
"""

_WHAT = "PRIVATE KEY"
OF_ANOTHER_KIND = f"-----BEGIN {_WHAT}-----\nMA8CAQAwBQYDKgMEBAMAAQI=\n-----END {_WHAT}-----\n"
"""PKCS #8 of an algorithm that nobody knows, with the object identifier 1.2.3.4."""


def make_key(path: Path) -> str:
    """Return the public key."""
    done = subprocess.run(
        [sys.executable, "-m", "arc_cli", "keys", "signing-key", str(path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    (line,) = (line for line in done.stdout.splitlines() if "ARC_TRUSTED_KEY=" in line)
    return line.strip().partition("=")[2]


def test_patterns_reach_those_who_trust_the_key_and_no_others(tmp_path: Path) -> None:
    """The others refuse the set, which Core shows with the reason."""
    key, other = (make_key(tmp_path / name) for name in ("a.pem", "b.pem"))
    assert stat.S_IMODE((tmp_path / "a.pem").stat().st_mode) == 0o600
    with core(tmp_path / "data", "--signing-key", str(tmp_path / "a.pem")) as process:
        assert f"ARC_TRUSTED_KEY={key}" in process.banner
        document = {"name": "cool", "pattern": {"model": "m"}, "fix": {"temperature": 0.5}}
        rest.post(process, "/api/v1/patterns", {"document": document})
        with ExitStack() as ends:
            trusting = ends.enter_context(program(process, "trusting", key, tmp_path))
            careful = ends.enter_context(program(process, "careful", other, tmp_path))

            def seen() -> dict[str, Any]:
                runtimes = rest.get(process, "/api/v1/runtimes")["runtimes"]
                return {each["service"]: each for each in runtimes}

            wait_until(lambda: seen().get("trusting", {}).get("set_version") == 1)
            wait_until(lambda: "*" in str(seen().get("careful", {}).get("verdicts")))
            assert pushed(trusting) == "['cool']"
            assert pushed(careful) == "[]"
            assert "it is signed by ed25519:" in str(seen()["careful"]["verdicts"])


@contextmanager
def program(
    process: CoreProcess, name: str, trusted: str, folder: Path
) -> Iterator[subprocess.Popen[str]]:
    settings = {
        "ARC_ENDPOINT": process.grpc_url,
        "ARC_TRUSTED_KEY": trusted,
        "ARC_SERVICE_NAME": name,
        "ARC_METRICS_PORT": "0",
        "ARC_CACHE_DIR": str(folder / name),
    }
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM],
        env={**os.environ, **settings},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def pushed(running: subprocess.Popen[str]) -> str:
    assert running.stdin is not None
    assert running.stdout is not None
    running.stdin.write("\n")
    running.stdin.flush()
    return running.stdout.readline().strip()


@pytest.mark.parametrize("content", ["nothing", OF_ANOTHER_KIND], ids=["no PEM", "another kind"])
def test_a_file_that_is_no_key_is_named_before_anything_is_opened(
    content: str, tmp_path: Path
) -> None:
    (tmp_path / "no.pem").write_text(content)
    done = run("--signing-key", str(tmp_path / "no.pem"), "--data", str(tmp_path / "data"))
    assert done.returncode == 2
    assert "it is no Ed25519 private key" in done.stderr
    assert "arc keys signing-key FILE" in done.stderr
    assert not (tmp_path / "data").exists()


def test_a_key_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "a.pem"
    make_key(path)
    before = path.read_bytes()
    done = subprocess.run(
        [sys.executable, "-m", "arc_cli", "keys", "signing-key", str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert (done.returncode, path.read_bytes()) == (1, before)
    assert "name a file that does not exist" in done.stderr
