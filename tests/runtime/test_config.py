"""Every setting: the order of its sources, what a bad value gives, and the kill switch."""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path
from typing import Any, Dict

import openai
import pytest

from arc_cli import config
from runtime import Arc, _config
from runtime_shapes import RISKY

SAMPLES: Dict[str, Any] = {
    # argument, environment, file, and the default
    "disable": (True, "0", False, False),
    "endpoint": ("grpc://a:1", "grpc://b:2", "grpc://c:3", "grpc://localhost:50051"),
    "log_level": ("DEBUG", "WARNING", "ERROR", "INFO"),
    "metrics_port": (1, "2", 3, 9090),
    "mode": ("observe", "enforce", "observe", "enforce"),
    "capture_content": (False, "1", False, None),
    "otel": ("off", "auto", "off", "auto"),
    "policy": ("all", "none", "content", "safe"),
    "service_name": ("a", "b", "c", None),
    "tls_ca": ("a.pem", "b.pem", "c.pem", None),
    "tls_cert": ("a.pem", "b.pem", "c.pem", None),
    "tls_key": ("a.pem", "b.pem", "c.pem", None),
    "shutdown_timeout": (1.5, "2.5", 3.5, 2.0),
}
BAD: Dict[str, Any] = {
    "disable": ["maybe", "2"],
    "endpoint": ["ftp://localhost:4317", "localhost:0", "two words"],
    "log_level": ["LOUD", ""],
    "metrics_port": ["many", "-1", "65536", "9090.5", ""],
    "mode": ["panic", ""],
    "capture_content": ["perhaps"],
    "otel": ["live", ""],
    "policy": ["some", '{"temperature": "some"}', '{"*": {"low": 1}}'],
    "shutdown_timeout": ["soon", "-1", "nan", "inf", "1e10", ""],
}


def file(folder: Path, text: str) -> None:
    (folder / "pyproject.toml").write_text(text, "utf-8")


def toml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)


@pytest.mark.parametrize("name", SAMPLES)
def test_order_of_sources(name: str, tmp_path: Path) -> None:
    """Argument before environment before file before default, and each says where it is from."""
    argument, env, in_file, default = SAMPLES[name]
    setting = _config.BY_NAME[name]
    environ = {setting.env: env}
    file(tmp_path, f"[tool.arc]\n{name} = {toml(in_file)}\n")
    first = _config.read({name: argument}, environ, tmp_path)
    second = _config.read({}, environ, tmp_path)
    third = _config.read({}, {}, tmp_path)
    (tmp_path / "pyproject.toml").unlink()
    file(tmp_path, "[project]\n")
    last = _config.read({}, {}, tmp_path)
    reads = [first, second, third, last]
    assert [read.values[name] for read in reads] == [
        argument,
        setting.parse(env),
        in_file,
        default,
    ]
    assert [read.sources[name] for read in reads] == [
        "argument",
        setting.env,
        str(tmp_path / "pyproject.toml"),
        "default",
    ]


def test_policy_of_paths_from_each_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An object, JSON in the environment and a table in the file are one policy; it is shown."""
    file(tmp_path, '[tool.arc.policy]\nmessages = "none"\ntemperature = {low = 0, high = 1.5}\n')
    given = {"temperature": {"low": 0, "high": 1.5}, "messages": "none"}
    text = '{"*":"safe","messages":"none","temperature":{"high":1.5,"low":0}}'
    assert _config.read({"policy": given}, {}, tmp_path.parent).policy == text
    assert _config.read({}, {"ARC_POLICY": json.dumps(given)}, tmp_path.parent).policy == text
    assert _config.read({}, {}, tmp_path).policy == text
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)  # which would shorten what is long
    assert config.main([]) == 0
    assert text in capsys.readouterr().out


@pytest.mark.parametrize(("name", "value"), [(name, bad) for name in BAD for bad in BAD[name]])
def test_bad_value_is_one_sentence_and_the_default(
    name: str, value: str, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """It names the variable, the value, what would be right, and what is used."""
    setting = _config.BY_NAME[name]
    with caplog.at_level(logging.WARNING, logger="arc"):
        settings = _config.read({}, {setting.env: value}, tmp_path)
    assert settings.values[name] == setting.default
    [sentence] = caplog.messages
    assert setting.env in sentence
    assert repr(value) in sentence
    assert "write " in sentence


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("metrics_port", True),
        ("metrics_port", [9090]),
        ("shutdown_timeout", True),
        ("shutdown_timeout", [2]),
        ("endpoint", 50051),
        ("mode", ["observe"]),
        ("service_name", 5),
        ("tls_ca", ["ca.pem"]),
        ("log_level", 10),
    ],
)
def test_argument_of_another_type_never_raises(
    name: str, value: Any, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """A wrong argument in the application's code is a sentence in its log as well."""
    with caplog.at_level(logging.WARNING, logger="arc"):
        settings = _config.read({name: value}, {}, tmp_path)
    assert settings.values[name] == _config.BY_NAME[name].default
    assert len(caplog.messages) == 1


def test_nearest_file_counts(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """From a folder inside a project, the project's file is found; one in between hides it."""
    inner = tmp_path / "src" / "package"
    inner.mkdir(parents=True)
    file(tmp_path, '[tool.arc]\nmode = "observe"\n')
    assert _config.read({}, {}, inner).mode == "observe"
    file(tmp_path / "src", "[project]\nname = 'inner'\n")
    assert _config.read({}, {}, inner).mode == "enforce"
    assert caplog.messages == []


@pytest.mark.parametrize(
    "text",
    [
        "[tool.arc\nmode = 1",
        "[tool.arc]\nmode = ",
        "[tool]\narc = 5 # tool.arc",
        "tool = 5 # tool.arc",
    ],
)
def test_broken_file_is_one_sentence(
    text: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The file is named, and Arc runs with what else there is."""
    file(tmp_path, text)
    with caplog.at_level(logging.WARNING, logger="arc"):
        settings = _config.read({}, {"ARC_MODE": "observe"}, tmp_path)
    assert settings.mode == "observe"
    [sentence] = caplog.messages
    assert str(tmp_path / "pyproject.toml") in sentence


def test_unknown_key_gets_a_suggestion(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A typing error is not silently without effect."""
    file(tmp_path, "[tool.arc]\nmetric_port = 0\n")
    with caplog.at_level(logging.WARNING, logger="arc"):
        _config.read({}, {}, tmp_path)
    [sentence] = caplog.messages
    assert "'metric_port'" in sentence
    assert "metrics_port" in sentence


def test_key_is_not_taken_from_a_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Secrets in a project's files are refused, and not repeated."""
    file(tmp_path, '[tool.arc]\napi_key = "arc_key_secret"\n')
    with caplog.at_level(logging.WARNING, logger="arc"):
        assert _config.read({}, {}, tmp_path).api_key is None
    [sentence] = caplog.messages
    assert "environment variable" in sentence
    assert "arc_key_secret" not in sentence


def test_program_without_a_folder_is_protected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: Any, space: Any, client: openai.OpenAI
) -> None:
    """A daemon whose working directory was removed has no file, and Arc all the same."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    start()
    client.chat.completions.create(**RISKY)
    assert space.requests()[0]["json"]["temperature"] == 0.7


@pytest.mark.parametrize("value", ["1", "true", "YES", " on "])
def test_disabled_arc_touches_nothing(
    value: str, monkeypatch: pytest.MonkeyPatch, space: Any, client: openai.OpenAI
) -> None:
    """No method is replaced and no thread started; every method of Arc can still be called."""
    before = openai.OpenAI.request
    threads = threading.active_count()
    monkeypatch.setenv("ARC_DISABLE", value)
    arc = Arc()
    try:
        assert openai.OpenAI.request is before
        arc.register_pattern({"temperature": {">": 0}}, {"temperature": 0})
        assert arc.wrap(client) is client
        with arc.session("run"):
            client.chat.completions.create(**RISKY)
        assert arc.flush(5)
        assert arc.patterns() == ()
        assert arc.metrics_url is None
        assert threading.active_count() == threads
    finally:
        arc.shutdown()
    assert space.requests()[0]["json"]["temperature"] == 0.95


@pytest.mark.parametrize("value", ["0", "false", "No", "off", ""])
def test_arc_that_is_not_disabled(
    value: str, monkeypatch: pytest.MonkeyPatch, start: Any, space: Any, client: openai.OpenAI
) -> None:
    """Empty and 0 leave Arc on."""
    monkeypatch.setenv("ARC_DISABLE", value)
    start()
    client.chat.completions.create(**RISKY)
    assert space.requests()[0]["json"]["temperature"] == 0.7


@pytest.mark.parametrize("timeout_s", [float("inf"), 1e300, 10])
def test_any_time_for_flush_is_accepted(arc: Arc, client: openai.OpenAI, timeout_s: float) -> None:
    """Who wants to wait for ever may say so."""
    client.chat.completions.create(**RISKY)
    assert arc.flush(timeout_s)
