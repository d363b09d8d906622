"""Applications with real Runtimes, and a Core that goes away, comes back and changes its mind."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import pytest

from core.clickhouse_server import free_port
from core.core_process import CoreProcess, core
from core.server import rest
from core.server.application import Application, application
from core.server.provider import Provider, provider
from core.server.proxy import proxy
from waiting import wait_until

NAMES = ("one", "two", "three")
HOT = {"name": "hot", "pattern": {"temperature": {">": 0.9}}, "fix": {"temperature": 0.7}}


@pytest.fixture
def chat_api() -> Iterator[Provider]:
    with provider() as running:
        yield running


def applications(
    stack: ExitStack, endpoint: str, chat_api: Provider, folder: Path
) -> list[Application]:
    """Start one of each name, each with a cache of its own."""
    made = []
    for name in NAMES:
        (folder / name).mkdir()
        made.append(stack.enter_context(application(name, endpoint, chat_api, folder / name)))
    return made


def delivered(process: CoreProcess) -> list[str]:
    """Return the ids that the provider gave to the stored answers."""
    return [call["response_id"] for call in rest.calls(process)]


def add_pattern(process: CoreProcess, folder: Path) -> str:
    """Add one as a person would; return what is printed."""
    file = folder / "hot.json"
    file.write_text(json.dumps(HOT))
    command = [sys.executable, "-m", "arc_cli", "patterns", "add", str(file)]
    done = subprocess.run(
        [*command, "--url", process.http_url], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_pattern_is_in_force_in_all_applications_at_once(
    chat_api: Provider, tmp_path: Path
) -> None:
    """Three processes call without a pause; each is fixed soon after `arc patterns add`."""
    with core(tmp_path / "data") as process, ExitStack() as stack:
        running = applications(stack, process.grpc_url, chat_api, tmp_path)
        for each in running:
            assert each.do("link connected") == "ok"
            each.do("work")
        chat_api.wait_for(lambda requests: {each["user"] for each in requests} == {*NAMES}, 30)
        assert {each["temperature"] for each in chat_api.requests} == {0.95}
        assert "In force on 3 of 3 Runtimes" in add_pattern(process, tmp_path)
        chat_api.wait_for(
            lambda requests: (
                {each["user"] for each in requests if each["temperature"] == 0.7} == {*NAMES}
            ),
            10,
        )
        for each in running:
            each.do("rest")
            assert each.do("faults") == "{}"
        version = rest.get(process, "/api/v1/info")["pattern_set"]["version"]

        def held() -> list[int]:
            shown = rest.get(process, "/api/v1/runtimes")["runtimes"]
            return [each["set_version"] for each in shown if each["connected"]]

        # their answers are written down soon after the set is in force
        wait_until(lambda: held() == [version] * 3)


def test_all_is_stopped_in_a_running_application_and_goes_on(
    chat_api: Provider, tmp_path: Path
) -> None:
    """What Core has pushed and what is built in change nothing, until all is resumed."""
    with core(tmp_path / "data") as process, ExitStack() as stack:
        (one, *_) = applications(stack, process.grpc_url, chat_api, tmp_path)
        assert one.do("link connected") == "ok"
        add_pattern(process, tmp_path)
        assert one.do("pushed hot") == "ok"

        def sent() -> list[float]:
            del chat_api.requests[:]
            for model in ("gpt-4.1", "gpt-4o"):
                one.do(f"ask {model}")
            return [each["temperature"] for each in chat_api.requests]

        assert sent() == [0.7, 0.7]
        rest.post(process, "/api/v1/patterns/pause", {"reason": "alarm"})
        assert one.do("pushed gpt-4.1-high-temperature") == "ok"
        assert sent() == [0.95, 0.95]
        rest.post(process, "/api/v1/patterns/resume", {})
        assert one.do("pushed gpt-4.1-high-temperature hot") == "ok"
        assert sent() == [0.7, 0.7]
        assert one.do("faults") == "{}"


def test_a_kill_of_core_under_load_loses_no_call(chat_api: Provider, tmp_path: Path) -> None:
    """What Core acknowledged is there; the rest comes from the Runtimes' disks, or is counted."""
    ports = free_port(), free_port()
    with ExitStack() as stack:
        with core(tmp_path / "data", ports=ports) as first:
            running = applications(stack, first.grpc_url, chat_api, tmp_path)
            for each in running:
                each.do("work")
            chat_api.wait_for_more(150)
            first.kill()
            chat_api.wait_for_more(150)
        with core(tmp_path / "data", ports=ports) as second:
            chat_api.wait_for_more(30)
            dropped = 0
            for each in running:
                each.do("rest")
                each.do("flush 60")
                dropped += int(each.do("dropped"))
                assert each.do("faults") == "{}"
            there = delivered(second)
            assert len(there) == len(set(there))
            assert set(there) <= set(chat_api.issued)
            assert len(chat_api.issued) - len(there) == dropped
            assert dropped == 0  # the disk has room for all of them


def test_a_link_that_is_cut_and_then_slow_delivers_everything(
    chat_api: Provider, tmp_path: Path
) -> None:
    """The application does not wait for it, and patterns come over what is left of the link."""
    with core(tmp_path / "data") as process, proxy(int(process.address.rpartition(":")[2])) as link:
        endpoint = f"grpc://127.0.0.1:{link.port}"
        with application("app", endpoint, chat_api, tmp_path) as app:
            assert app.do("link connected") == "ok"
            app.do("call 20")
            link.cut()
            app.do("call 20")
            app.do("flush 1")
            link.slow_down()
            link.listen()
            app.do("call 20")
            assert app.do("flush 60") == "True"
            assert app.do("dropped") == "0"
            rest.post(process, "/api/v1/patterns", {"document": HOT})
            assert app.do("pushed hot") == "ok"
            app.do("call 1")
            assert app.do("flush 60") == "True"
            assert app.do("faults") == "{}"
        assert chat_api.requests[-1]["temperature"] == 0.7
        assert sorted(delivered(process)) == sorted(chat_api.issued)


@pytest.mark.parametrize("hours", [-30, 30])
def test_a_runtime_whose_clock_is_wrong_is_served_as_well(
    chat_api: Provider, tmp_path: Path, hours: int
) -> None:
    """Its calls have its times and are found; arrival has Core's, by which they are kept."""
    with core(tmp_path / "data") as process:
        with application(
            "skewed", process.grpc_url, chat_api, tmp_path, clock_shift_s=3600 * hours
        ) as app:
            assert app.do("link connected") == "ok"
            app.do("call 3")
            assert app.do("flush 20") == "True"
        found = rest.calls(process)
        assert len(found) == 3
        for call in found:
            assert rest.get(process, f"/api/v1/calls/{call['span_id']}")["body"]
            (of_trace,) = rest.get(process, f"/api/v1/traces/{call['trace_id']}")["calls"]
            assert of_trace["span_id"] == call["span_id"]
            behind = _hours(call["received_at"]) - _hours(call["start_time"])
            assert round(behind) == -hours


def _hours(moment: str) -> float:
    return datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp() / 3600
