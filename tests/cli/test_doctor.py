"""`arc doctor`: each thing that can be wrong is found, and what to do is said."""

from __future__ import annotations

import datetime
import json
import logging
import os
import socket
import socketserver
import sys
import threading
import time
from concurrent import futures
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional

import grpc
import pytest
import trustme

from arc_cli import doctor, doctor_program
from arc_protocol.version import __version__
from arc_protocol.wire import pattern_sync, sync_pb2
from core.core_process import CoreProcess
from core.core_process import core as core_process
from runtime import _config, _endpoint
from runtime._telemetry.batches import Batch
from runtime._telemetry.spool import Spool
from telemetry.receiver import Receiver, free_port, status


class Report:
    """What the command printed as JSON."""

    def __init__(self, code: int, text: str) -> None:
        self.code = code
        self.json = json.loads(text)
        assert self.json["ok"] is (code == 0)
        assert self.json["arc"] == __version__

    def of(self, check: str, level: str = "") -> List[str]:
        """Return what was found, with the advice, by this check."""
        return [
            f"{each['found']} -> {each['advice']}"
            for each in self.json["findings"]
            if each["check"] == check and level in ("", each["level"])
        ]

    @property
    def problems(self) -> List[str]:
        return [each["check"] for each in self.json["findings"] if each["level"] == "problem"]

    @property
    def warnings(self) -> List[str]:
        return [each["check"] for each in self.json["findings"] if each["level"] == "warning"]


Examine = Callable[..., Report]


@pytest.fixture
def examine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Examine:
    """Run `arc doctor --json` with these settings in the environment, and no others."""
    for name in list(os.environ):
        if name.startswith("ARC_") or name.endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("GRPC_VERBOSITY", "NONE")
    monkeypatch.chdir(tmp_path)
    defaults = {
        "ARC_CACHE_DIR": str(tmp_path / "cache"),
        "ARC_ENDPOINT": "",
        "ARC_METRICS_PORT": "0",
    }

    def run(**env: Optional[str]) -> Report:
        for name, value in {**defaults, **env}.items():
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)
        return Report(doctor.main(["--json"]), capsys.readouterr().out)

    return run


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CoreProcess]:
    with core_process(tmp_path_factory.mktemp("core")) as running:
        yield running


def test_everything_is_well_with_a_core(examine: Examine, core: CoreProcess) -> None:
    """All that is looked at is in the report; nothing is left behind on the disk."""
    report = examine(ARC_ENDPOINT=core.grpc_url, ARC_METRICS_PORT=str(free_port()))
    assert (report.code, report.problems, report.warnings) == (0, [], [])
    checks = [each["check"] for each in report.json["findings"]]
    for check in ("settings", "python", "sdk openai", "metrics port", "cache folder", "endpoint"):
        assert check in checks
    for check in ("tcp", "telemetry", "pattern sync", "clock"):
        assert check in checks
    assert f"Arc Core {__version__}, project default" in report.of("pattern sync")[0]
    assert not Path(os.environ["ARC_CACHE_DIR"]).exists()


def test_people_get_lines(examine: Examine, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --json: a word for the level, the check, what was found, and what to do below."""
    examine(ARC_MODE="panic")
    assert doctor.main([]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("PROBLEM   settings        Setting mode") for line in lines)
    assert any(line.startswith("ok        python          Python 3.") for line in lines)
    assert lines[-1] == "1 problem."


def test_bad_settings_are_told_in_their_sentences(examine: Examine, tmp_path: Path) -> None:
    """Each value that cannot be used, those in the file as well; and names that nobody reads."""
    (tmp_path / "pyproject.toml").write_text('[tool.arc]\nmod = "observe"\nlog_level = "LOUD"\n')
    report = examine(ARC_MODE="panic", ARC_METRICS_PORT="many", ARC_ENPOINT="x")
    told = "\n".join(report.of("settings", "problem"))
    for word in ("ARC_MODE", "panic", "ARC_METRICS_PORT", "many", "LOUD", "did you mean mode"):
        assert word in told
    [warned] = report.of("settings", "warning")
    assert "ARC_ENPOINT" in warned
    assert "did you mean ARC_ENDPOINT" in warned
    assert report.code == 1
    assert logging.getLogger("arc").propagate


def test_switched_off(examine: Examine) -> None:
    """Who has forgotten the kill switch learns of it."""
    report = examine(ARC_DISABLE="1")
    assert "ARC_DISABLE" in report.of("settings", "warning")[0]


def test_nobody_listens(examine: Examine) -> None:
    """A problem where the endpoint was named, a warning where it is the default."""
    port = free_port()
    report = examine(ARC_ENDPOINT=f"grpc://127.0.0.1:{port}")
    assert (report.code, report.problems) == (1, ["tcp"])
    assert "refused" in report.of("tcp")[0]
    assert "arc core" in report.of("tcp")[0]


def test_default_endpoint_without_core(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Arc is of use without Core: that nobody is at the default endpoint is no problem."""
    default = f"grpc://localhost:{free_port()}"
    settings = [
        each._replace(default=default) if each.name == "endpoint" else each
        for each in _config.SETTINGS
    ]
    monkeypatch.setattr(_config, "SETTINGS", settings)
    report = examine(ARC_ENDPOINT=None)
    assert (report.code, report.warnings) == (0, ["tcp"])


def test_unknown_name(examine: Examine) -> None:
    """A typing error in the host's name is told from a host that is down."""
    report = examine(ARC_ENDPOINT="grpc://nobody.invalid:50051")
    assert report.problems == ["dns"]
    assert "nobody.invalid" in report.of("dns")[0]


def test_key_in_clear_text(examine: Examine) -> None:
    """Arc does not send it, and says what to write; nothing is tried."""
    report = examine(ARC_ENDPOINT="grpc://192.0.2.1:50051", ARC_API_KEY="arc_secret_1")
    assert report.problems == ["endpoint"]
    assert "grpcs://192.0.2.1:50051" in report.of("endpoint", "problem")[0]
    assert "arc_secret_1" not in json.dumps(report.json)


@pytest.mark.parametrize(
    ("key", "told"), [("arc_wrong_1", "it is refused: no such key"), ("", "set ARC_API_KEY")]
)
def test_refused_key(examine: Examine, key: str, told: str) -> None:
    """The receiver's own words, and where keys come from."""
    with Receiver() as receiver:
        receiver.answer = status(grpc.StatusCode.UNAUTHENTICATED, "no such key")
        report = examine(ARC_ENDPOINT=receiver.endpoint, ARC_API_KEY=key)
    assert report.problems == ["api key"]
    assert told in report.of("api key")[0]
    assert "arc keys create" in report.of("api key")[0]


def test_key_that_core_does_not_know(examine: Examine, core: CoreProcess) -> None:
    """Core says so also where it would do without a key."""
    report = examine(ARC_ENDPOINT=core.grpc_url, ARC_API_KEY="arc_0_wrong")
    assert report.problems == ["api key"]


def test_accepted_key(examine: Examine) -> None:
    """It is sent, and never shown."""
    with Receiver() as receiver:
        report = examine(ARC_ENDPOINT=receiver.endpoint, ARC_API_KEY="arc_1_right")
        assert receiver.requests[0].metadata["authorization"] == "Bearer arc_1_right"
    assert report.of("api key", "ok")
    assert "arc_1_right" not in json.dumps(report.json)


def test_collector_is_no_core(examine: Examine) -> None:
    """A receiver of OpenTelemetry is fine; that no patterns come from there is said."""
    with Receiver() as receiver:
        report = examine(ARC_ENDPOINT=receiver.endpoint)
        assert receiver.spans == []
    assert (report.code, report.warnings) == (0, ["pattern sync"])


def test_grpc_server_that_takes_no_telemetry(examine: Examine) -> None:
    """Another service on the port, or a proxy that answers in its place."""
    with _served(lambda _: None) as endpoint:
        report = examine(ARC_ENDPOINT=endpoint)
    assert report.problems == ["telemetry"]
    assert "no OTLP" in report.of("telemetry")[0]


class _served:  # noqa: N801
    """A gRPC server with OTLP, when `welcome` gives something, and pattern sync."""

    def __init__(self, welcome: Callable[[Any], Any]) -> None:
        self._welcome = welcome

    def _sync(self, messages: Any, _: Any) -> Iterator[bytes]:
        hello = sync_pb2.FromRuntime.FromString(next(messages)).hello
        yield self._welcome(hello).SerializeToString()
        yield sync_pb2.FromCore(current=sync_pb2.Current()).SerializeToString()
        next(messages, None)

    def __enter__(self) -> str:
        self._server = grpc.server(futures.ThreadPoolExecutor(4))
        handlers = [pattern_sync.handler(self._sync)]
        if self._welcome(sync_pb2.Hello()) is not None:
            service = "opentelemetry.proto.collector.trace.v1.TraceService"
            export = grpc.unary_unary_rpc_method_handler(lambda *_: b"")
            handlers.append(grpc.method_handlers_generic_handler(service, {"Export": export}))
        self._server.add_generic_rpc_handlers(handlers)
        port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()
        return f"grpc://127.0.0.1:{port}"

    def __exit__(self, *_: object) -> None:
        self._server.stop(0).wait(10)


@pytest.mark.parametrize(("apart_s", "told"), [(90, "behind"), (-90, "ahead of"), (1, "")])
def test_clock(examine: Examine, apart_s: int, told: str) -> None:
    """Core says its time; calls at wrong times are worth a warning."""

    def welcome(_: Any) -> Any:
        now_ms = int((time.time() + apart_s) * 1e3)
        return sync_pb2.FromCore(welcome=sync_pb2.Welcome(server_time_unix_ms=now_ms))

    with _served(welcome) as endpoint:
        report = examine(ARC_ENDPOINT=endpoint)
    assert report.code == 0
    assert report.warnings == (["clock"] if told else [])
    assert told in report.of("clock")[0]
    assert not told or "90 s" in report.of("clock")[0] or "89 s" in report.of("clock")[0]


class Authority:
    """A certificate authority with a PEM file."""

    def __init__(self, folder: Path) -> None:
        self._made = trustme.CA()
        self.pem = str(folder / f"{id(self)}.pem")
        self._made.cert_pem.write_to_path(self.pem)

    def server(self, *names: str, clients: bool = False, **validity: Any) -> Any:
        leaf = self._made.issue_cert(*(names or ("localhost",)), **validity)
        chain = b"".join(pem.bytes() for pem in leaf.cert_chain_pems)
        pair = (leaf.private_key_pem.bytes(), chain)
        authority = self._made.cert_pem.bytes() if clients else None
        return grpc.ssl_server_credentials([pair], authority, clients)


@pytest.fixture
def ours(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def _day(number: int) -> datetime.datetime:
    return datetime.datetime.now() + datetime.timedelta(days=number)


def test_tls_is_well(examine: Examine, ours: Authority) -> None:
    """Protocol, trust and how long the certificate is valid."""
    with Receiver(credentials=ours.server(not_after=_day(100))) as receiver:
        report = examine(ARC_ENDPOINT=receiver.endpoint, ARC_TLS_CA=ours.pem)
    assert report.problems == []
    [told] = report.of("tls", "ok")
    assert "TLSv1.3" in told
    assert "valid for 99 days" in told or "valid for 100 days" in told


def test_certificate_that_ends_soon(examine: Examine, ours: Authority) -> None:
    """A warning comes before the day."""
    with Receiver(credentials=ours.server(not_after=_day(5))) as receiver:
        report = examine(ARC_ENDPOINT=receiver.endpoint, ARC_TLS_CA=ours.pem)
    assert report.problems == []
    assert "renew" in report.of("tls", "warning")[0]
    assert report.of("telemetry", "ok")


@pytest.mark.parametrize(
    ("credentials", "ca", "told"),
    [
        (lambda ours: ours.server(not_before=_day(-9), not_after=_day(-1)), True, "has expired"),
        (lambda ours: ours.server(not_before=_day(1), not_after=_day(9)), True, "not valid yet"),
        (lambda ours: ours.server("core.example"), True, "another name than localhost"),
        (lambda ours: ours.server(), False, "ARC_TLS_CA"),
    ],
    ids=["expired", "not yet", "name", "authority"],
)
def test_certificate_that_is_not_trusted(
    examine: Examine, ours: Authority, credentials: Any, ca: bool, told: str
) -> None:
    """What is wrong with it, and where to put it right."""
    with Receiver(credentials=credentials(ours)) as receiver:
        env = {"ARC_TLS_CA": ours.pem} if ca else {}
        report = examine(ARC_ENDPOINT=receiver.endpoint, **env)
    assert report.problems == ["tls"]
    assert told in report.of("tls")[0]


def test_tls_files_that_cannot_be_used(examine: Examine, tmp_path: Path) -> None:
    """The file is named."""
    with Receiver() as receiver:
        endpoint = f"grpcs://localhost:{receiver.port}"
        report = examine(ARC_ENDPOINT=endpoint, ARC_TLS_CA=str(tmp_path / "none.pem"))
    assert report.problems == ["tls"]
    assert "none.pem (ARC_TLS_CA) cannot be read" in report.of("tls")[0]


def test_client_certificate_is_asked_for(examine: Examine, ours: Authority) -> None:
    """The handshake itself succeeds; the first request shows it."""
    with Receiver(credentials=ours.server(clients=True)) as receiver:
        report = examine(ARC_ENDPOINT=receiver.endpoint, ARC_TLS_CA=ours.pem)
    assert report.problems == ["telemetry"]
    assert "ARC_TLS_CERT" in report.of("telemetry")[0]


def test_tls_to_clear_text_and_the_other_way(examine: Examine, ours: Authority) -> None:
    """What to write instead."""
    with Receiver() as receiver:
        report = examine(ARC_ENDPOINT=f"grpcs://localhost:{receiver.port}")
        assert report.problems == ["tls"]
        assert f"write grpc://localhost:{receiver.port}" in report.of("tls")[0]
    with Receiver(credentials=ours.server()) as receiver:
        report = examine(ARC_ENDPOINT=f"grpc://localhost:{receiver.port}")
        assert report.problems == ["telemetry"]
        assert f"write {receiver.endpoint}" in report.of("telemetry")[0]


class _Tunnel(socketserver.ThreadingTCPServer):
    """An HTTP proxy that lets through to one port, or refuses."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.port = port
        self.asked: List[str] = []


class _Connection(socketserver.StreamRequestHandler):
    server: _Tunnel

    def handle(self) -> None:
        self.server.asked.append(self.rfile.readline().decode())
        while self.rfile.readline().strip():
            pass
        if not self.server.port:
            self.wfile.write(b"HTTP/1.1 403 Forbidden\r\n\r\n")
            return
        with socket.create_connection(("127.0.0.1", self.server.port)) as behind:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            back = threading.Thread(target=_pass_on, args=(behind, self.connection), daemon=True)
            back.start()
            _pass_on(self.connection, behind)
            back.join(10)


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    try:
        while True:
            data = source.recv(65536)
            target.sendall(data)
            if not data:
                target.shutdown(socket.SHUT_WR)
                return
    except OSError:
        return


@pytest.fixture
def proxy() -> Iterator[Callable[[int], _Tunnel]]:
    started = []

    def start(port: int) -> _Tunnel:
        started.append(_Tunnel(port))
        threading.Thread(target=started[-1].serve_forever, daemon=True).start()
        return started[-1]

    yield start
    for each in started:
        each.shutdown()
        each.server_close()


def _url(tunnel: _Tunnel) -> str:
    return f"http://127.0.0.1:{tunnel.server_address[1]}"


def test_proxy_is_named_and_gone_through(examine: Examine, proxy: Any) -> None:
    """gRPC takes it from the environment, which few know; the way through it is tried."""
    with Receiver() as receiver:
        tunnel = proxy(receiver.port)
        report = examine(ARC_ENDPOINT="grpc://core.example:50051", https_proxy=_url(tunnel))
    assert report.problems == []
    assert "(https_proxy)" in report.of("proxy")[0]
    assert "no_proxy" in report.of("proxy")[0]
    assert report.of("telemetry", "ok")
    # the doctor itself and gRPC
    assert len(tunnel.asked) == 2
    assert all(line.startswith("CONNECT core.example:50051 ") for line in tunnel.asked)


def test_proxy_that_refuses(examine: Examine, proxy: Any) -> None:
    """Its answer is shown."""
    report = examine(ARC_ENDPOINT="grpc://core.example:50051", grpc_proxy=_url(proxy(0)))
    assert report.problems == ["proxy"]
    assert "403 Forbidden" in report.of("proxy", "problem")[0]


@pytest.mark.parametrize(
    ("endpoint", "env", "told"),
    [
        ("grpc://localhost:{port}", {}, "not used for this machine's own"),
        ("grpc://10.255.255.1:1", {"no_proxy": "x.example, 10.0.0.0/8"}, "no_proxy names"),
        ("grpc://a.example:1", {"no_grpc_proxy": ".example"}, "no_grpc_proxy names"),
        ("grpc://a.example:1", {"http_proxy": "socks5://a:1"}, "gRPC ignores it"),
    ],
)
def test_proxy_that_is_not_used(
    examine: Examine,
    endpoint: str,
    env: Dict[str, str],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The report says why, as other programs on the machine use it."""
    monkeypatch.setattr("arc_cli.doctor_receiver._WITHIN_S", 0.1)
    with Receiver() as receiver:
        named = endpoint.format(port=receiver.port)
        report = examine(ARC_ENDPOINT=named, **{"http_proxy": "http://127.0.0.1:1", **env})
    assert told in report.of("proxy")[0]


def test_metrics_port_names_who_has_it(examine: Examine) -> None:
    """The process and its command, on Linux; and what an application does about it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        report = examine(ARC_METRICS_PORT=str(taken.getsockname()[1]))
    assert (report.code, report.warnings) == (0, ["metrics port"])
    [told] = report.of("metrics port")
    if sys.platform == "linux":
        assert f"by process {os.getpid()} (" in told
    assert "ARC_METRICS_PORT" in told


def test_metrics_port_of_another_arc(examine: Examine) -> None:
    """Several processes with Arc on one machine are the usual case."""
    from runtime._telemetry.metrics import Metrics
    from runtime._telemetry.metrics_server import MetricsServer

    port = free_port()
    server = MetricsServer(Metrics(refresh=lambda: None).app(), port)
    server.start()
    try:
        report = examine(ARC_METRICS_PORT=str(port))
    finally:
        server.stop()
    assert "another process with Arc" in report.of("metrics port", "warning")[0]


def test_cache_folder(examine: Examine, tmp_path: Path) -> None:
    """One that cannot be made is a problem, as nothing would survive the process."""
    (tmp_path / "file").touch()
    report = examine(ARC_CACHE_DIR=str(tmp_path / "file" / "cache"))
    assert report.problems == ["cache folder"]
    assert "ARC_CACHE_DIR" in report.of("cache folder")[0]


def test_telemetry_that_waits_on_disk(examine: Examine, tmp_path: Path) -> None:
    """What an application has left there is counted."""
    address = f"grpc://127.0.0.1:{free_port()}"
    endpoint = _endpoint.parse(address)
    assert endpoint is not None
    Spool.of(endpoint, None, str(tmp_path / "cache"), lambda *_: None).write(Batch(b"x", 7))
    report = examine(ARC_ENDPOINT=address)
    assert "7 spans wait there" in report.of("cache folder")[0]


def test_without_an_sdk(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Perhaps this is not the application's environment."""
    monkeypatch.setattr(doctor_program.providers, "discover", lambda: iter([_Absent]))
    report = examine()
    assert "no_such_sdk" in report.of("sdk", "warning")[0]


class _Absent:
    SDK = "no_such_sdk"


def test_sdk_that_arc_does_not_get_in_front_of(
    examine: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change inside the SDK is a problem that nobody should learn of in production."""
    from openai import _base_client

    monkeypatch.setattr(_base_client.SyncAPIClient, "request", lambda self, what: None)
    report = examine()
    assert report.problems == ["sdk openai"]
    told = report.of("sdk openai", "problem")[0]
    assert "no longer takes" in told
    assert "1.x, 2.x, 3.x" in told


def test_client_class_that_goes_past_arc(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The class is named; Arc().wrap would help."""
    import openai
    from openai import _base_client

    original = _base_client.SyncAPIClient.request

    class Other(openai.OpenAI):
        def request(self, *args: Any, **kwargs: Any) -> Any:
            return original(self, *args, **kwargs)

    Other.request.__wrapped__ = original  # type: ignore[attr-defined]
    monkeypatch.setattr(openai, "OtherOpenAI", Other, raising=False)
    report = examine()
    assert report.problems == ["sdk openai"]
    assert "Other" in report.of("sdk openai", "problem")[0]


def test_new_major_version_of_an_sdk(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    """It works, as was seen; nobody has tested it."""
    monkeypatch.setattr(doctor_program, "_version", lambda name: "99.1.0")
    report = examine()
    assert report.code == 0
    assert "99.1.0" in report.of("sdk openai", "warning")[0]


def test_other_instrumentations(examine: Examine) -> None:
    """Those that are installed, and which of them is in front of the SDK now."""
    from openinference.instrumentation.openai import OpenAIInstrumentor

    inactive = examine().of("sdk openai", "ok")[-1]
    assert "openinference" in inactive
    assert "none is active now" in inactive
    instrumentor = OpenAIInstrumentor()
    instrumentor.instrument()
    try:
        report = examine()
    finally:
        instrumentor.uninstrument()
    assert report.problems == []
    assert "active now: openinference" in report.of("sdk openai", "ok")[-1]


def test_sdk_is_left_as_it_was(examine: Examine) -> None:
    """Looking at it leaves nothing in front of its methods."""
    import openai

    before = openai.OpenAI.request
    assert examine().code == 0
    assert openai.OpenAI.request is before


def test_check_that_fails_is_a_finding(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others go on; a fault of Arc is called one."""
    monkeypatch.setattr(doctor_program, "python", lambda: 1 / 0)
    report = examine()
    assert report.problems == ["python"]
    assert "ZeroDivisionError" in report.of("python")[0]
    assert report.of("endpoint")
