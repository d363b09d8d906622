"""`arc simulate` starts, says where it is, follows its options, and ends cleanly."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest

from simulator_client import Simulator

SOURCES = Path(__file__).parents[2] / "src"
HI: Any = [{"role": "user", "content": "hi"}]


def start(*options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "arc_simulator", *options],
        env={**os.environ, "PYTHONPATH": str(SOURCES)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextlib.contextmanager
def running(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start a simulator, wait until it is ready, and end it whatever happens."""
    with start("--port", "0", *options) as process:
        deadline = threading.Timer(30, process.kill)
        deadline.start()
        try:
            assert process.stdout is not None
            ready = next((line for line in process.stdout if line.startswith("ready ")), "")
            assert ready, process.stderr and process.stderr.read()
            yield process, ready.split()[1]
        finally:
            deadline.cancel()
            process.kill()


def finished(*options: str) -> tuple[int, str, str]:
    with start(*options) as process:
        output, errors = process.communicate(timeout=30)
        return process.returncode, output, errors


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_ends_cleanly_when_told_to(stop: signal.Signals) -> None:
    """A signal ends it with exit code 0 and without a complaint."""
    with running() as (process, url):
        with openai.OpenAI(base_url=f"{url}/v1", api_key="k") as client:
            assert client.chat.completions.create(model="gpt-4o", messages=HI).choices
            process.send_signal(stop)
            _, errors = process.communicate(timeout=20)
        assert (process.returncode, errors) == (0, "")


def test_request_without_an_answer_does_not_keep_it_alive() -> None:
    """A client that waits for ever loses its connection when the simulator ends."""
    with running() as (process, url):
        space = Simulator(url).space("default")
        space.rules([{"id": "wait", "outcome": {"kind": "hang"}}])
        client = openai.OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0)
        with client, ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(client.models.list)
            while not space.requests():
                assert not waiting.done()
            process.terminate()
            with pytest.raises(openai.APIError):
                waiting.result(timeout=20)
        assert process.wait(timeout=20) == 0


def test_follows_rules_and_settings_of_the_command_line(tmp_path: Path) -> None:
    """Named rules and rules of a file are in force at `/v1`, and again after a reset."""
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        "- id: no-seed\n"
        "  match: {path: seed, op: exists}\n"
        "  outcome: {kind: error, http_status: 418, body: no seeds}\n"
    )
    ready = tmp_path / "ready"
    options = ["--rules", str(rules), "--rule", "openai-chat-empty-tools-array"]
    with running(*options, "--ready-file", str(ready)) as (_, url):
        assert ready.read_text() == url
        Simulator(url).space("default").reset()
        with openai.OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0) as client:
            create = client.chat.completions.create
            with pytest.raises(openai.APIStatusError) as caught:
                create(model="gpt-4o", messages=HI, seed=1)
            assert (caught.value.status_code, caught.value.response.text) == (418, "no seeds")
            with pytest.raises(openai.BadRequestError, match="empty array"):
                create(model="gpt-4o", messages=HI, tools=[])
            assert create(model="gpt-4o", messages=HI).choices


def test_banner_has_the_line_that_points_an_sdk_here() -> None:
    """The line to copy names the base URL."""
    with start("--port", "0", "--rules", "catalogue") as process:
        try:
            assert process.stdout is not None
            banner = [process.stdout.readline() for _ in range(4)]
        finally:
            process.kill()
    url = banner[3].split()[1]
    assert f"export OPENAI_BASE_URL={url}/v1 " in banner[1]
    assert "with 0 rules" not in banner[0]


def test_lists_the_rules_of_the_catalogue() -> None:
    """Every rule is listed with what it is about."""
    code, output, _ = finished("--list-rules")
    assert code == 0
    assert "openai-chat-stop-more-than-4\n    " in output


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--rule", "nonesuch"], "'nonesuch' is not in the catalogue"),
        (["--rules", "nonesuch.yaml"], "cannot read nonesuch.yaml"),
        (["--latency-ms", "-1"], "latency_ms: -1.0"),
        (["--port", "99999"], "port 99999"),
    ],
)
def test_bad_option_is_explained(options: list[str], problem: str) -> None:
    """What cannot be done is said in one sentence, without a traceback."""
    code, _, errors = finished("--port", "0", *options)
    assert code == 1
    assert errors.startswith("arc simulate: ")
    assert problem in errors
    assert errors.count("\n") == 1


def test_taken_port_is_explained() -> None:
    """A port that another program has is named."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, errors = finished("--port", str(port))
    assert code == 1
    assert f"cannot listen on 127.0.0.1 port {port}" in errors


def test_rules_of_a_file_may_be_json(tmp_path: Path) -> None:
    """A JSON file is read as a YAML file is."""
    rules = tmp_path / "rules.json"
    rules.write_text(json.dumps(["openai-chat-empty-tools-array"]))
    with running("--rules", str(rules)) as (_, url):
        client = openai.OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0)
        with client, pytest.raises(openai.BadRequestError, match="empty array"):
            client.chat.completions.create(model="gpt-4o", messages=HI, tools=[])
