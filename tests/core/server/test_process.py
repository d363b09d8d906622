"""`arc core` as a process: start, refusals, end, and what survives a kill."""

from __future__ import annotations

import itertools
import socket
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import grpc
import pytest

from arc_core.storage import open_call_store
from core.call_records import DAY, NOW, batch, record
from core.core_process import CoreProcess, core, run
from core.otlp import exporter, request
from core.server.rest import calls, get


def stored(process: CoreProcess) -> set[int]:
    """Return the span ids of all calls."""
    return {int(call["span_id"], 16) for call in calls(process)}


class Load:
    """Sends batches from several connections until they fail; knows what was acknowledged."""

    def __init__(self, address: str, threads: int = 4) -> None:
        self.acknowledged: set[int] = set()
        self.sent: set[int] = set()
        self.enough = threading.Event()
        self._stop = threading.Event()
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._send, args=(address,)) for _ in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def _send(self, address: str) -> None:
        with grpc.insecure_channel(address) as channel:
            export = exporter(channel)
            while not self._stop.is_set():
                with self._lock:
                    ids = set(itertools.islice(self._numbers, 16))
                    self.sent |= ids
                try:
                    export(request(ids), timeout=10)
                except grpc.RpcError:
                    return
                with self._lock:
                    self.acknowledged |= ids
                    if len(self.acknowledged) >= 512:
                        self.enough.set()

    def join(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)


def test_it_starts_with_nothing_and_says_what_to_do_next(tmp_path: Path) -> None:
    """Where data is, where to send, what to type next; ready means ready."""
    with core(tmp_path / "new" / "folder") as process:
        assert str(tmp_path / "new" / "folder") in process.banner
        assert f"ARC_ENDPOINT={process.grpc_url} arc run app.py" in process.banner
        assert get(process, "/readyz") == {"status": "ready"}
        assert process.terminate()[0] == 0


def test_the_description_has_what_exporters_send(tmp_path: Path) -> None:
    """Each form of OTLP/HTTP that it names is taken, and the answer has that form."""
    sent = request([7])
    bodies = {
        "application/x-protobuf": sent.SerializeToString(),
        "application/json": b'{"resourceSpans": []}',
    }
    with core(tmp_path) as process:
        described = get(process, "/openapi.json")["paths"]["/v1/traces"]["post"]
        assert described["requestBody"]["content"].keys() == bodies.keys()
        for form in described["requestBody"]["content"]:
            asked = urllib.request.Request(
                f"{process.http_url}/v1/traces", bodies[form], {"content-type": form}
            )
            with urllib.request.urlopen(asked, timeout=20) as answer:
                assert answer.headers["content-type"] == form
                assert form in described["responses"][str(answer.status)]["content"]
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{process.http_url}/v1/traces", b"a=1", timeout=20)
        assert str(refused.value.code) in described["responses"]
        refused.value.close()
        assert stored(process) == {7}


def test_a_taken_port_is_named_with_who_has_it(tmp_path: Path) -> None:
    """One sentence: the port, the program and the option."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for option, other in (("--port", "--http-port"), ("--http-port", "--port")):
            done = run(option, port, other, "0", "--data", str(tmp_path))
            assert done.returncode == 1
            assert f"Port {port} on 127.0.0.1 is taken by " in done.stderr
            assert f"another port with {option}" in done.stderr
            assert len(done.stderr.splitlines()) == 1


def test_bad_settings_open_nothing(tmp_path: Path) -> None:
    """All of them are read and checked first."""
    done = run("--port", "many", "--data", str(tmp_path / "new"))
    assert done.returncode == 2
    assert done.stderr.startswith("arc core: --port is 'many'")
    assert not (tmp_path / "new").exists()


def test_a_second_core_on_the_same_folder_refuses_to_start(tmp_path: Path) -> None:
    """It names the process that has the folder, and the first one goes on."""
    with core(tmp_path) as first:
        done = run("--port", "0", "--http-port", "0", "--data", str(tmp_path))
        assert done.returncode == 1
        assert f"process {first.process.pid}" in done.stderr
        assert get(first, "/readyz") == {"status": "ready"}


def test_a_file_that_is_no_registry_is_left_alone(tmp_path: Path) -> None:
    """A clear refusal, and nothing overwritten."""
    (tmp_path / "registry.db").write_bytes(b"something else entirely" * 100)
    done = run("--port", "0", "--http-port", "0", "--data", str(tmp_path))
    assert done.returncode == 1
    assert "registry.db" in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "registry.db").read_bytes() == b"something else entirely" * 100


def test_sigterm_under_load_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """Requests under way are stored or refused, and it ends by itself with code 0."""
    with core(tmp_path) as first:
        load = Load(first.address)
        assert load.enough.wait(60)
        code, log = first.terminate()
        load.join()
        assert code == 0
        assert "Traceback" not in log
    with core(tmp_path) as second:
        there = stored(second)
    assert load.acknowledged <= there <= load.sent


def test_a_kill_under_load_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """What was acknowledged is there after a restart, once each."""
    with core(tmp_path) as first:
        load = Load(first.address)
        assert load.enough.wait(60)
        first.kill()
        load.join()
    with core(tmp_path) as second:
        there = stored(second)
        count = get(second, "/api/v1/info")["store"]["calls"]
    assert load.acknowledged <= there <= load.sent
    assert count == len(there)


@pytest.mark.parametrize("signal_count", [2])
def test_told_twice_it_ends_at_once(tmp_path: Path, signal_count: int) -> None:
    """A person who presses Ctrl-C again does not wait for the grace period."""
    with core(tmp_path) as process:
        with grpc.insecure_channel(process.address) as channel:
            exporter(channel)(request([1]), timeout=10)
        for _ in range(signal_count):
            process.process.terminate()
        process.process.wait(10)


def test_calls_that_are_too_old_go(tmp_path: Path) -> None:
    """As the option says, without anybody asking for it; younger ones stay."""
    store = open_call_store(None, tmp_path)
    for age in (0, 6, 9, 40):
        store.insert(batch(record(received_at=NOW - age * DAY)), token=f"day-{age}")
    store.close()
    with core(tmp_path, "--retention-days", "7") as process:
        until = time.monotonic() + 20
        while (there := get(process, "/api/v1/info")["store"]["calls"]) != 2:
            assert time.monotonic() < until, f"{there} calls are there"
            time.sleep(0.05)
