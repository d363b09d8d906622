"""`arc config`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from arc_cli import config


def test_each_setting_is_shown_with_its_variable_its_value_in_words_and_its_origin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.arc]\nmode = "observe"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)  # which would shorten what is long
    monkeypatch.setenv("ARC_HEAL", "1")
    monkeypatch.setenv("ARC_ENDPOINT", "")
    monkeypatch.setenv("ARC_API_KEY", "arc_secret")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", "ca.pem")
    assert config.main([]) == 0
    out = capsys.readouterr().out
    rows = {line.split()[0]: line.split(maxsplit=3) for line in out.splitlines() if line}
    assert rows["SETTING"] == ["SETTING", "ENVIRONMENT", "VALUE", "FROM"]
    assert rows["heal"][1:] == ["ARC_HEAL", "on", "environment"]
    assert rows["spool"][1:] == ["ARC_SPOOL", "on", "default"]
    assert rows["disable"][1:] == ["ARC_DISABLE", "off", "default"]
    assert rows["endpoint"][1:] == ["ARC_ENDPOINT", "(empty)", "environment"]
    assert rows["redact"][1:3] == ["ARC_REDACT", "not"]
    assert rows["redact"][3].split() == ["set", "default"]
    assert rows["tls_ca"][2:] == ["ca.pem", "OTEL_EXPORTER_OTLP_CERTIFICATE"]
    assert rows["mode"][2] == "observe"
    assert rows["mode"][3].endswith("pyproject.toml")
    assert "arc_secret" not in out
    assert config.main(["--json"]) == 0
    values = {row["name"]: row["value"] for row in json.loads(capsys.readouterr().out)}
    assert (values["heal"], values["redact"]) == (True, None)
