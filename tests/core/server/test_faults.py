"""What may happen to a Core, or be sent to it; it says so in a sentence and goes on."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import re
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import grpc
import pytest

from arc_protocol.wire.sync_pb2 import FromRuntime, Hello
from core.core_process import CoreProcess, core, run
from core.otlp import EXPORT, exporter, request
from core.server import rest
from core.server.application import application
from core.server.doors import DOORS, channel
from core.server.provider import provider
from core.server.proxy import proxy
from runtime._telemetry.retry import requested_delay_s

MB = 1_000_000
HUGE = bytes(100 * MB)
SYNC = "/arc.v1.PatternSync/Sync"


@pytest.fixture(scope="module")
def sturdy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CoreProcess]:
    """One Core for all that is thrown at it; it is well at the end, and has not grown."""
    with core(tmp_path_factory.mktemp("data")) as process:
        assert well(process)
        yield process
        assert well(process)
        assert resident(process) < 700 * MB
        code, log = process.terminate()
        assert code == 0
        assert "Traceback" not in log


def well(process: CoreProcess) -> bool:
    return all(door(process, None) == "ok" for door in DOORS.values())


def resident(process: CoreProcess) -> float:
    with urllib.request.urlopen(f"{process.http_url}/metrics", timeout=20) as answer:
        found = re.search(r"^process_resident_memory_bytes (\S+)$", answer.read().decode(), re.M)
    assert found
    return float(found[1])


@pytest.mark.parametrize(
    ("payload", "code", "sentence"),
    [
        (b"\xff" * 1000, "INVALID_ARGUMENT", "cannot be decoded"),
        (HUGE, "RESOURCE_EXHAUSTED", "larger than"),
        (bytes(20 * MB), "RESOURCE_EXHAUSTED", "send smaller batches"),
    ],
    ids=["garbage", "100 MB", "20 MB"],
)
def test_no_telemetry_by_grpc(
    sturdy: CoreProcess, payload: bytes, code: str, sentence: str
) -> None:
    with channel(sturdy) as connected, pytest.raises(grpc.RpcError) as refusal:
        connected.unary_unary(EXPORT)(payload, timeout=60)
    assert refusal.value.code().name == code
    assert sentence in refusal.value.details()
    assert requested_delay_s(refusal.value.trailing_metadata()) is None


@pytest.mark.parametrize("after_hello", [False, True])
@pytest.mark.parametrize(
    ("payload", "code"),
    [(b"\xff" * 1000, "INVALID_ARGUMENT"), (HUGE, "RESOURCE_EXHAUSTED")],
    ids=["garbage", "100 MB"],
)
def test_no_message_of_a_runtime(
    sturdy: CoreProcess, payload: bytes, code: str, after_hello: bool
) -> None:
    hello = FromRuntime(hello=Hello(runtime_id="bad")).SerializeToString()
    sent = [hello, payload] if after_hello else [payload]
    with channel(sturdy) as connected, pytest.raises(grpc.RpcError) as refusal:
        for _ in connected.stream_stream(SYNC)(iter(sent), timeout=60):
            pass
    assert refusal.value.code().name == code
    assert refusal.value.details()


def post(process: CoreProcess, path: str, body: bytes, **headers: str) -> tuple[int, str]:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    address = process.http_url.partition("://")[2]
    connection = http.client.HTTPConnection(address, timeout=60)
    try:
        # it need not read to the end what it refuses; the answer is there
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.request("POST", path, body, sent)
        answer = connection.getresponse()
        told = json.loads(answer.read())
        return answer.status, told.get("detail") or told["message"]
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("path", "body", "status", "encoding"),
    [
        ("/v1/traces", b"{no json", 400, "identity"),
        ("/v1/traces", b"no gzip", 400, "gzip"),
        ("/v1/traces", gzip.compress(HUGE, 1), 413, "gzip"),
        ("/v1/traces", HUGE, 413, "identity"),
        ("/api/v1/patterns", b"{no json", 400, "identity"),
        ("/api/v1/patterns", HUGE, 413, "identity"),
    ],
    ids=["garbage", "no gzip", "100 MB packed", "100 MB", "REST garbage", "REST 100 MB"],
)
def test_no_request_by_http(
    sturdy: CoreProcess, path: str, body: bytes, status: int, encoding: str
) -> None:
    told = post(sturdy, path, body, content_type="application/json", content_encoding=encoding)
    assert told[0] == status
    assert told[1]


def test_bytes_of_no_protocol(sturdy: CoreProcess) -> None:
    """Both ports end the connection; those who speak with them notice nothing."""
    for port in (sturdy.address.rpartition(":")[2], sturdy.http_url.rpartition(":")[2]):
        for garbage in (os.urandom(4096), b"\x16\x03\x01" + bytes(500), b"GET / HTTP/1.1\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", int(port)), timeout=20) as connection:
                connection.sendall(garbage + b"\r\n\r\n")
                connection.shutdown(socket.SHUT_WR)
                try:
                    while connection.recv(4096):
                        pass
                except ConnectionResetError:
                    pass
    assert well(sturdy)


def test_a_runtime_that_never_reads_holds_up_nobody(tmp_path: Path) -> None:
    """Others get every change of a large set meanwhile, and Core ends in time."""
    filler = "x" * 2000
    documents = [
        {
            "name": f"p{number}",
            "pattern": {"model": f"{filler}{number}", "temperature": {">": 0.9}},
            "fix": {"temperature": 0.7},
        }
        for number in range(500)
    ]
    with core(tmp_path / "data") as process, ExitStack() as stack:
        chat_api = stack.enter_context(provider())
        link = stack.enter_context(proxy(int(process.address.rpartition(":")[2])))
        (tmp_path / "deaf").mkdir()
        through = f"grpc://127.0.0.1:{link.port}"
        apart = application("deaf", through, chat_api, tmp_path / "deaf")
        with apart as deaf, application("app", process.grpc_url, chat_api, tmp_path) as app:
            assert deaf.do("link connected") == "ok"
            assert app.do("link connected") == "ok"
            link.stop()
            for start in range(0, 500, 100):
                part = documents[start : start + 100]
                rest.post(process, "/api/v1/patterns/import", {"documents": part})
                assert app.do(f"count {start + 100}") == "ok"
            assert app.do("faults") == "{}"
        code, log = process.terminate()
        assert code == 0
        assert "Traceback" not in log


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 32 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=32m", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("only root can make a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_is_told_to_senders_who_keep_what_they_have(small_disk: Path) -> None:
    """Nothing acknowledged is lost; with room again the same request is taken."""
    ballast = small_disk / "ballast"
    with core(small_disk / "data") as process:
        with channel(process) as connected:
            export = exporter(connected)
            export(request([1]), timeout=20)
            room = os.statvfs(small_disk)
            ballast.write_bytes(bytes(room.f_bavail * room.f_frsize - MB))
            acknowledged = [1]
            refusal: grpc.RpcError | None = None
            while refusal is None and len(acknowledged) < 10_000:
                more = range(acknowledged[-1] + 1, acknowledged[-1] + 101)
                try:
                    export(filled(more), timeout=60)
                except grpc.RpcError as problem:
                    refusal = problem
                else:
                    acknowledged += more
            assert refusal is not None
            assert refusal.code() is grpc.StatusCode.UNAVAILABLE
            assert "no room left" in refusal.details()
            assert requested_delay_s(refusal.trailing_metadata()) == 30
            process.wait_for_log("senders keep them for now")
            assert rest.get(process, "/healthz")["status"] == "ok"
            assert stored(process) == set(acknowledged)
            ballast.unlink()
            export(filled(more), timeout=60)
            acknowledged += more
            process.wait_for_log("Calls are stored again")
        code, log = process.terminate()
        assert code == 0
        assert "Traceback" not in log
    with core(small_disk / "data") as process:
        assert stored(process) == set(acknowledged)


def filled(span_ids: range) -> object:
    """Return a request whose calls cannot be packed."""
    made = request(span_ids)
    for span in made.resource_spans[0].scope_spans[0].spans:
        span.attributes.add(key="note").value.string_value = os.urandom(2000).hex()
    return made


def stored(process: CoreProcess) -> set[int]:
    return {int(call["span_id"], 16) for call in rest.calls(process)}


@pytest.mark.parametrize("damaged", ["calls", "registry"])
def test_a_damaged_store_is_refused_and_left_as_it_is(tmp_path: Path, damaged: str) -> None:
    """A clear refusal that names it, and nothing overwritten."""
    with core(tmp_path) as process:
        with channel(process) as connected:
            exporter(connected)(request(range(1, 50)), timeout=20)
        process.terminate()
    if damaged == "calls":
        for path in (tmp_path / "calls").glob("store/*/*/20*/checksums.txt"):
            path.write_bytes(bytes(100))
    else:
        path = tmp_path / "registry.db"
        path.write_bytes(path.read_bytes()[:4096] + os.urandom(8192))
    before = content(tmp_path)
    done = run("--port", "0", "--http-port", "0", "--data", str(tmp_path))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    sentence = done.stderr.splitlines()[-1]
    assert sentence.startswith("arc core: ")
    assert "estore" in sentence
    assert content(tmp_path) == before


def content(folder: Path) -> dict[str, bytes]:
    """Return what is in the registry's file, and in the tables of the calls."""
    paths = [folder / "registry.db", *(folder / "calls" / "store").rglob("*")]
    return {str(path): path.read_bytes() for path in paths if path.is_file()}
