"""The whole loop with real processes: a provider makes a rule, and soon no call runs into it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from arc_simulator.launch import launch
from core.core_process import core
from core.server import rest
from simulator_client import Simulator

_PROGRAM = """
import openai, os, sys
from runtime import Arc

arc = Arc()
client = openai.OpenAI(max_retries=0)
elsewhere = openai.OpenAI(max_retries=0, base_url=os.environ.get("OTHER_URL"))
calls = {
    "risky": {"model": "o9-mini", "temperature": 0.2},
    "plain": {"model": "o9-mini"},
    "other": {"model": "gpt-4o", "temperature": 0.2},
}
for line in sys.stdin:
    api, _, kind = line.strip().rpartition(" ")
    try:
        if api == "responses":
            client.responses.create(input="Well?", **calls[kind])
        else:
            (elsewhere if api == "elsewhere" else client).chat.completions.create(
                messages=[{"role": "user", "content": "Well?"}], **calls[kind]
            )
    except openai.BadRequestError as error:
        print("failed", flush=True)
    else:
        print("ok", flush=True)
arc.shutdown()
"""

RULE = {
    "id": "only-default",
    "endpoint": "openai.chat.completions",
    "match": {
        "all": [
            {"path": "model", "op": "regex", "value": "^o9"},
            {"path": "temperature", "op": "exists"},
        ]
    },
    "outcome": {
        "kind": "error",
        "http_status": 400,
        "body": {
            "error": {
                "message": "Unsupported value: 'temperature' does not support 0.2 with this "
                "model. Only the default (1) value is supported.",
                "type": "invalid_request_error",
                "param": "temperature",
                "code": "unsupported_value",
            }
        },
    },
}


class Application:
    """A program that makes a call for each line it is given."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def call(self, kind: str) -> bool:
        """Make a call; tell whether it succeeded."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{kind}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().strip()
        assert answer in ("ok", "failed")
        return answer == "ok"

    def until_protected(
        self, at_most: int, risky: str = "risky", fine: Sequence[str] = ("plain", "other")
    ) -> int:
        """Make calls until 40 risky ones in a row succeed; return how many risky ones failed."""
        failed = row = 0
        for _ in range(at_most):
            succeeded = self.call(risky)
            assert all(map(self.call, fine))
            failed += not succeeded
            row = row + 1 if succeeded else 0
            if row == 40:
                return failed
        raise AssertionError(f"{failed} of {at_most} risky calls failed, and no end")


@contextmanager
def application(endpoint: str, url: str, cache: Path, **settings: str) -> Iterator[Application]:
    environment = {
        **os.environ,
        "OPENAI_BASE_URL": f"{url}/v1",
        "OPENAI_API_KEY": "k",
        "ARC_ENDPOINT": endpoint,
        "ARC_CACHE_DIR": str(cache),
        "ARC_METRICS_PORT": "0",
        **settings,
    }
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Application(process)
        finally:
            process.kill()


def learned(shown: dict[str, Any]) -> dict[str, Any]:
    (found,) = shown["patterns"]
    return dict(found)


def test_a_failure_that_the_provider_invents_is_learned_and_prevented(tmp_path: Path) -> None:
    """Nobody does anything: the fix is learned, proven and spread, others are spared."""
    with launch() as url, core(tmp_path / "data") as process:
        Simulator(url).space("default").rules([RULE])
        with application(process.grpc_url, url, tmp_path / "cache") as app:
            app.until_protected(2000)
        pattern = learned(rest.get(process, "/api/v1/patterns"))
        history = rest.get(process, f"/api/v1/patterns/{pattern['name']}")["history"]
        log = process.log
        requests = Simulator(url).space("default").requests()
    assert (pattern["author"], pattern["state"]) == ("learner", "active")
    assert pattern["name"].startswith("openai-o9")
    states = [each["to_state"] for each in history]
    assert states == ["candidate", "shadow", "canary", "active"]
    assert "Traceback" not in log
    sent = [json.loads(each["body"]) for each in requests]
    others = [each for each in sent if each["model"] == "gpt-4o"]
    assert all(each["temperature"] == 0.2 for each in others)


def test_one_of_two_apis_for_conversations_gets_a_pattern_of_its_own(tmp_path: Path) -> None:
    """Telemetry calls both `chat`; the same parameters are fine in the other one."""
    rule = {**RULE, "endpoint": "openai.responses"}
    fine = ("responses plain", "responses other", "risky", "risky", "risky")
    with launch() as url, core(tmp_path / "data") as process:
        space = Simulator(url).space("default")
        space.rules([rule])
        space.settings(keep_requests=100_000)  # all of them: they are counted
        with application(process.grpc_url, url, tmp_path / "cache") as app:
            app.until_protected(2000, "responses risky", fine)
        pattern = learned(rest.get(process, "/api/v1/patterns"))
        replayed = rest.post(process, "/api/v1/replay", {"name": pattern["name"]})
        sent = space.requests()
    assert (pattern["state"], pattern["document"]["operation"]) == ("active", "responses")
    assert replayed["failing"] == replayed["changed_failing"] >= 10
    assert replayed["healthy"] > replayed["changed_healthy"] == 0
    # the chat calls, which are most, are none of its business
    of_chat = [json.loads(each["body"]) for each in sent if "chat" in each["endpoint"]]
    assert of_chat
    assert all(each["temperature"] == 0.2 for each in of_chat)
    assert replayed["healthy"] < len(of_chat)


def test_a_fix_for_one_server_stays_away_from_another(tmp_path: Path) -> None:
    """Both have the same model: one refuses what the other demands."""
    demanded = {
        "id": "demanded",
        "endpoint": "openai.chat.completions",
        "match": {"path": "temperature", "op": "absent"},
        "outcome": {
            "kind": "error",
            "http_status": 400,
            "body": {
                "error": {
                    "message": "Missing required parameter: 'temperature'.",
                    "type": "invalid_request_error",
                    "param": "temperature",
                    "code": "missing_required_parameter",
                }
            },
        },
    }
    with launch() as url, launch() as other_url, core(tmp_path / "data") as process:
        Simulator(url).space("default").rules([RULE])
        Simulator(other_url).space("default").rules([demanded])
        settings = {"OTHER_URL": f"{other_url}/v1"}
        with application(process.grpc_url, url, tmp_path / "cache", **settings) as app:
            app.until_protected(2000, fine=("plain", "other", "elsewhere risky"))
        pattern = learned(rest.get(process, "/api/v1/patterns"))
        replayed = rest.post(process, "/api/v1/replay", {"name": pattern["name"]})
    assert pattern["state"] == "active"
    assert pattern["document"]["server"] == url.partition("://")[2]
    assert replayed["changed_failing"] >= 10
    assert replayed["changed_healthy"] == 0


def test_under_manual_approval_nothing_happens_without_a_person(tmp_path: Path) -> None:
    """A program of a real fleet keeps failing until somebody says yes, twice."""
    options = ("--approval", "manual", "--learn-interval", "0.5s")
    with launch() as url, core(tmp_path / "data", *options) as process:
        Simulator(url).space("default").rules([RULE])
        with application(process.grpc_url, url, tmp_path / "cache") as app:
            for state, to in (("shadow", "canary"), ("canary", "active")):
                for _ in range(2000):
                    app.call("risky")
                    assert app.call("plain")
                    assert app.call("other")
                    asked = rest.get(process, "/api/v1/rollouts?waiting=true")["rollouts"]
                    if asked and asked[0]["state"] == state:
                        break
                else:
                    raise AssertionError(f"nobody was asked in {state}")
                (rollout,) = asked
                assert (rollout["state"], rollout["proposed"]["to"]) == (state, to)
                if to == "canary":
                    assert not any(app.call("risky") for _ in range(40))
                rest.post(process, f"/api/v1/patterns/{rollout['name']}/approve", {})
            app.until_protected(2000)
        history = rest.get(process, f"/api/v1/patterns/{rollout['name']}")["history"]
    steps = [(each["to_state"], each["author"]) for each in history]
    assert steps[1:] == [("shadow", "rollout"), ("canary", "local"), ("active", "local")]


def test_where_calls_are_healed_it_is_learned_from_them_and_tried_on_them(tmp_path: Path) -> None:
    """The application sees next to no error, and soon no call needs to be healed any more."""
    with launch() as url, core(tmp_path / "data") as process:
        space = Simulator(url).space("default")
        space.rules([RULE])
        state, failed, calls = "", 0, 0
        with application(process.grpc_url, url, tmp_path / "cache", ARC_HEAL="1") as app:
            while state != "active":
                failed += sum(not app.call("risky") for _ in range(20))
                calls += 20
                assert app.call("plain")
                shown = rest.get(process, "/api/v1/patterns")["patterns"]
                state = shown[0]["state"] if shown else ""
                assert calls < 6000, shown
            app.until_protected(200)
            space.reset()  # what it has recorded, which is not without end
            space.rules([RULE])
            for _ in range(40):
                assert app.call("risky")
            sent = [json.loads(each["body"]) for each in space.requests()]
        history = rest.get(process, f"/api/v1/patterns/{shown[0]['name']}")["history"]
        (group,) = rest.get(process, "/api/v1/failures")["failures"]
        log = process.log
    states = [each["to_state"] for each in history]
    assert states == ["candidate", "shadow", "rescue", "canary", "active"]
    (rescue,) = [each for each in history if each["from_state"] == "rescue"]
    plain = rescue["evidence"]["control"]
    assert plain["calls"] == plain["failed"] > 0
    assert rescue["evidence"]["treated"]["failed"] == 0
    # the plain retries of the rescue alone, of which a few may have come while Core decided
    assert plain["failed"] <= failed <= 40
    assert group["healed"] == group["count"] - failed
    # a call that is held back is healed
    assert len(sent) - 40 == sum("temperature" in each for each in sent) <= 8
    assert "Traceback" not in log
