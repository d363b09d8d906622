"""Settings of `arc core` are read and checked before anything is opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from arc_core.config import SETTINGS, SettingError, read


def test_nothing_has_to_be_configured() -> None:
    """An empty machine gets an embedded Core on loopback that asks for no key."""
    settings = read([], {})
    assert (settings.host, settings.port, settings.http_port) == ("127.0.0.1", 50051, 8050)
    assert (settings.store, settings.registry) == (None, None)
    assert not settings.keys_required


def test_an_option_goes_before_its_environment_variable(tmp_path: Path) -> None:
    """What is typed now counts more than what is set for all."""
    environ = {"ARC_CORE_PORT": "1", "ARC_CORE_HTTP_PORT": "2", "ARC_CORE_DATA": str(tmp_path)}
    settings = read(["--port", "3"], environ)
    assert (settings.port, settings.http_port, settings.data) == (3, 2, tmp_path)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--port", "70000"], "--port is '70000': write a port number"),
        (["--retention-days", "0"], "--retention-days is '0': write a whole number above 0"),
        (["--require-key", "maybe"], "--require-key is 'maybe': write 1 or 0"),
        (["--log-level", "loud"], "--log-level is 'loud': write one of DEBUG"),
        (["--data", __file__], "it is a file; name a folder"),
        (["--tls-cert", "/nowhere.pem"], "it cannot be read: No such file"),
        (["--tls-cert", __file__], "give the other one as well"),
        (["--tls-client-ca", __file__], "--tls-client-ca needs --tls-cert"),
        (["--port", "8050"], "are both 8050"),
        (["--host", "0.0.0.0", "--require-key", "0"], "works on loopback only"),
    ],
)
def test_what_cannot_be_used_gets_a_sentence(arguments: list[str], part: str) -> None:
    """The sentence names the option, the value and what would be right."""
    with pytest.raises(SettingError) as refused:
        read(arguments, {})
    assert part in str(refused.value)


def test_all_problems_are_named_at_once() -> None:
    """Nobody has to start five times to learn of five mistakes."""
    with pytest.raises(SettingError) as refused:
        read(["--port", "x"], {"ARC_CORE_LOG_LEVEL": "y", "ARC_CORE_MEMORY_MB": "-1"})
    assert str(refused.value).count("\n") == 2


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.7", "::", "core.example"])
def test_other_machines_need_a_key(host: str) -> None:
    """Only loopback is open without one."""
    assert read(["--host", host], {}).keys_required


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_loopback_needs_none(host: str) -> None:
    """It does when asked to."""
    assert not read(["--host", host], {}).keys_required
    assert read(["--host", host, "--require-key", "1"], {}).keys_required


def test_help_lists_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    """One table makes the options and their help."""
    with pytest.raises(SystemExit):
        read(["--help"], {})
    text = capsys.readouterr().out
    assert all(setting.option in text and setting.env in text for setting in SETTINGS)
