"""Settings: where they come from, what a bad one does, and that one instance has them."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import openai
import pytest

from runtime import Arc
from runtime_shapes import RISKY
from telemetry.receiver import Receiver


def test_arc_twice_is_the_same_instance(start: Any) -> None:
    """There is one Arc in a process."""
    assert start() is start()


def test_endpoint_given_later_takes_effect(
    space: Any, client: openai.OpenAI, receiver: Receiver
) -> None:
    """`Arc(endpoint=...)` after `Arc()` re-configures the running instance."""
    arc = Arc(endpoint="", metrics_port=0)
    try:
        Arc(endpoint=receiver.endpoint)
        client.chat.completions.create(**RISKY)
        assert arc.flush(10)
        assert len(receiver.spans) == 1
    finally:
        arc.shutdown()


def test_argument_goes_before_environment_before_file(
    start: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The nearest statement wins, and each value knows where it is from."""
    (tmp_path / "pyproject.toml").write_text(
        '[tool.arc]\nmode = "observe"\nservice_name = "file"\nlog_level = "ERROR"\n'
    )
    monkeypatch.setenv("ARC_SERVICE_NAME", "environment")
    monkeypatch.setenv("ARC_LOG_LEVEL", "DEBUG")
    settings = start(log_level="WARNING").settings
    assert (settings.log_level, settings.service_name) == ("WARNING", "environment")
    assert settings.mode == "observe"
    assert settings.sources["mode"].endswith("pyproject.toml")


@pytest.mark.parametrize(
    ("env", "value", "setting", "used"),
    [
        ("ARC_METRICS_PORT", "many", "metrics_port", 9090),
        ("ARC_MODE", "panic", "mode", "enforce"),
        ("ARC_ENDPOINT", "ftp://localhost:4317", "endpoint", "grpc://localhost:50051"),
        ("ARC_LOG_LEVEL", "LOUD", "log_level", "INFO"),
    ],
)
def test_bad_value_gives_one_sentence_and_the_default(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    env: str,
    value: str,
    setting: str,
    used: Any,
) -> None:
    """The sentence names setting, value and what is used instead; nothing raises."""
    from runtime import _config

    monkeypatch.setenv(env, value)
    with caplog.at_level(logging.WARNING, logger="arc"):
        settings = _config.read({})
    assert settings.values[setting] == used
    [record] = caplog.records
    assert env in record.getMessage()
    assert value in record.getMessage()


def test_key_is_never_shown(monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    """Neither a complaint nor the settings on the command line repeat the key."""
    from runtime import _config

    with caplog.at_level(logging.DEBUG, logger="arc"):
        _config.read({"api_key": 12345})
    assert "12345" not in caplog.text


PROGRAM = """
import sys, threading
{first}
from runtime import Arc
arc = Arc()
import openai
from runtime._arc import Arc as again
client = openai.OpenAI(base_url=sys.argv[1], api_key="k")
client.chat.completions.create(model="gpt-4.1", temperature=0.95,
                               messages=[{{"role": "user", "content": "x"}}])
print(len(arc.patterns()), sorted(t.name for t in threading.enumerate() if "arc" in t.name))
"""


def run(first: str, space: Any, **env: str) -> Any:
    import os

    command = [sys.executable, "-W", "error", "-c", PROGRAM.format(first=first), space.base_url]
    environment = {**os.environ, "ARC_ENDPOINT": "", "ARC_METRICS_PORT": "0", **env}
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=True
    )


@pytest.mark.parametrize("first", ["import openai", ""], ids=["sdk first", "arc first"])
def test_import_order_does_not_matter(first: str, space: Any) -> None:
    """Arc protects calls whichever of the two was imported first."""
    run(first, space)
    assert space.requests()[0]["json"]["temperature"] == 0.7


def test_disabled_arc_leaves_everything_untouched(space: Any) -> None:
    """With ARC_DISABLE=1 the program runs as if Arc were not there."""
    done = run("", space, ARC_DISABLE="1")
    assert space.requests()[0]["json"]["temperature"] == 0.95
    assert done.stdout.strip() == "0 []"
