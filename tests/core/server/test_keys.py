"""Keys over both ports of the real `arc core`: who is let in, and to what."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from arc_core.access import NO_KEY, NO_VALID_KEY
from core.core_process import CoreProcess, core, run
from core.otlp import exporter, request
from core.server import doors
from core.server.application import application
from core.server.doors import DOORS
from core.server.provider import Provider, provider

HOT = {"name": "hot", "pattern": {"temperature": {">": 0.9}}, "fix": {"temperature": 0.7}}


def arc(*arguments: str, **options: Any) -> str:
    """Run the `arc` command; return what it printed."""
    command = [sys.executable, "-m", "arc_cli", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def local_key(data: Path, project: str) -> dict[str, str]:
    """Make a key where Core runs, as its banner says."""
    where = ("--local", "--data", str(data), "--json")
    made: dict[str, str] = json.loads(arc("keys", "create", "test", "--project", project, *where))
    return made


def ask(process: CoreProcess, path: str, key: str, body: Any = None) -> Any:
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(f"{process.http_url}/api/v1{path}", data, headers)
    with urllib.request.urlopen(asked, timeout=20) as answer:
        return json.load(answer)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def guarded(data: Path) -> Iterator[CoreProcess]:
    """A Core that demands keys from this machine as well."""
    with core(data, "--require-key", "1") as process:
        yield process


@pytest.fixture(scope="module")
def chat_api() -> Iterator[Provider]:
    with provider() as running:
        yield running


def test_loopback_needs_no_key_and_any_other_host_does(tmp_path: Path) -> None:
    """The banner says how to make the first key; --require-key 0 does not open the network."""
    with core(tmp_path / "loopback") as process:
        assert {name: door(process, None) for name, door in DOORS.items()} == dict.fromkeys(
            DOORS, "ok"
        )
        assert all(NO_VALID_KEY in door(process, "arc_nonsense") for door in DOORS.values())
    with core(tmp_path / "open", "--host", "0.0.0.0") as process:
        assert "arc keys create NAME --local --data" in process.banner
        assert "keys and prompts cross the network in clear text" in process.banner
        assert all(NO_KEY in door(process, None) for door in DOORS.values())
        key = local_key(tmp_path / "open", "default")["secret"]
        assert all(door(process, key) == "ok" for door in DOORS.values())
    done = run("--host", "0.0.0.0", "--require-key", "0", "--data", str(tmp_path / "refused"))
    assert done.returncode == 2
    assert "--require-key 0 works on loopback only" in done.stderr


@pytest.mark.parametrize("name", DOORS)
def test_every_door_refuses_in_the_same_words_and_the_log_says_so(
    guarded: CoreProcess, data: Path, name: str
) -> None:
    """No key, one that is unknown, one that was revoked while it was in use."""
    door = DOORS[name]
    code = "UNAUTHENTICATED" if "gRPC" in name or name == "pattern sync" else "401"
    assert door(guarded, None) == f"{code}: {NO_KEY}"
    assert door(guarded, "arc_nonsense") == f"{code}: {NO_VALID_KEY}"
    key = local_key(data, "default")
    assert door(guarded, key["secret"]) == "ok"
    ask(guarded, "/info", key["secret"])
    arc("keys", "revoke", key["id"], "--url", guarded.http_url, "--key", key["secret"])
    assert door(guarded, key["secret"]) == f"{code}: {NO_VALID_KEY}"
    guarded.wait_for_log(f"is refused: {NO_KEY}")
    guarded.wait_for_log(NO_VALID_KEY)
    assert key["secret"] not in guarded.log
    assert "Traceback" not in guarded.log


def test_a_key_sees_and_feeds_one_project(
    guarded: CoreProcess, data: Path, chat_api: Provider, tmp_path: Path
) -> None:
    """A pattern of one project reaches its Runtimes alone; calls go where their key belongs."""
    keys = {project: local_key(data, project)["secret"] for project in ("shop", "bank")}
    ask(guarded, "/patterns", keys["shop"], {"document": HOT})
    for project, key in keys.items():
        with application(project, guarded.grpc_url, chat_api, tmp_path, ARC_API_KEY=key) as process:
            assert process.do("link connected") == "ok"
            pushed = "hot" if project == "shop" else ""
            assert process.do(f"pushed {pushed}") == "ok"
            process.do("call 1")
            assert process.do("flush 20") == "True"
        with doors.channel(guarded) as connected:
            metadata = [("authorization", f"Bearer {key}")]
            exporter(connected)(request([20 + len(project)]), metadata=metadata, timeout=20)
    sent = {each["user"]: each["temperature"] for each in chat_api.requests}
    assert sent == {"shop": 0.7, "bank": 0.95}
    for key in keys.values():
        calls = ask(guarded, "/calls", key)["calls"]
        assert len(calls) == 2
        (runtime,) = ask(guarded, "/runtimes", key)["runtimes"]
        assert runtime["runtime_id"] in {call["runtime_id"] for call in calls}
    assert ask(guarded, "/patterns", keys["bank"])["patterns"] == []


def test_a_runtime_with_a_wrong_key_says_so_once_and_the_application_goes_on(
    guarded: CoreProcess, chat_api: Provider, tmp_path: Path
) -> None:
    """The sentence of Core is in the log of the application, and its calls are answered."""
    with application(
        "stranger", guarded.grpc_url, chat_api, tmp_path, ARC_API_KEY="arc_wrong"
    ) as process:
        process.do("call 3")
        process.do("flush 5")
        assert process.do("link refused") == "ok"
        assert NO_VALID_KEY.rstrip(".") in process.log
        assert "Traceback" not in process.log
        assert process.do("faults") == "{}"
        assert process.end() == 0
    assert [each["user"] for each in chat_api.requests].count("stranger") == 3
