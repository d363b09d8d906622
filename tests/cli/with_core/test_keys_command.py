"""`arc keys`."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.with_core.conftest import Arc
from core.web.served import Served


def test_a_key_is_made_listed_and_revoked(core: Served, arc: Arc) -> None:
    assert arc("keys", "list").out == "There are no keys.\n"
    made = arc("keys", "create", "ci", "--project", "shop")
    assert made.code == 0
    (secret,) = (line.strip() for line in made.out.splitlines() if line.startswith("    arc_"))
    assert core.ask("/api/v1/info", key=secret).json["project"] == "shop"
    title, line = arc("keys", "list").lines
    assert title.split() == ["ID", "PROJECT", "NAME", "USE"]
    assert line.split()[1:3] == ["shop", "ci"]
    key_id = line.split()[0]
    assert arc("keys", "revoke", key_id).out == f"Key {key_id} is revoked.\n"
    assert "revoked" in arc("keys", "list").out
    assert core.ask("/api/v1/info", key=secret).status == 401
    again = arc("keys", "revoke", key_id)
    assert (again.code, again.err) == (
        1,
        f"arc keys revoke: There is no valid key with the id {key_id}; "
        "`arc keys list` shows the ids.\n",
    )


def test_secrets_are_in_no_list(core: Served, arc: Arc) -> None:
    secret = arc("keys", "create", "ci", "--json").json["secret"]
    listed = arc("keys", "list", "--json")
    assert listed.json[0]["name"] == "ci"
    assert secret not in listed.out


def test_the_first_key_of_a_core_that_demands_one_is_made_where_it_runs(
    guarded: Served, arc: Arc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = arc("keys", "create", "first")
    assert refused.code == 1
    assert "`arc keys create NAME --local`" in refused.err

    made = arc("keys", "create", "first", "--local", "--data", str(tmp_path), "--json")
    secret = made.json["secret"]
    assert made.err == f"in {tmp_path / 'registry.db'}\n"

    assert arc("keys", "list", "--key", secret).lines[1].split()[2] == "first"
    monkeypatch.setenv("ARC_API_KEY", secret)
    (key,) = arc("keys", "list", "--json").json
    monkeypatch.setenv("ARC_CORE_DATA", str(tmp_path))
    assert arc("keys", "list", "--local", "--json").json[0]["id"] == key["id"]
    assert arc("keys", "revoke", key["id"], "--local").code == 0
    assert arc("keys", "revoke", key["id"], "--local").code == 1


def test_a_local_key_can_be_made_before_core_has_ever_run(
    arc: Arc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARC_CORE_DATA", str(tmp_path / "not" / "there"))
    assert arc("keys", "create", "first", "--local").code == 0
    assert arc("keys", "list", "--local", "--json").json[0]["name"] == "first"


def test_settings_that_cannot_be_used_are_named(
    arc: Arc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setenv("ARC_CORE_DATA", str(file))
    refused = arc("keys", "list", "--local")
    assert refused.code == 1
    assert "ARC_CORE_DATA" in refused.err
    assert arc("keys").code == 2
    assert arc("keys", "list", "--data", "x").code == 2
    unusable = arc("keys", "list", "--local", "--data", "/proc/no")
    assert (unusable.code, unusable.out) == (1, "")
    assert "cannot be made" in unusable.err
