"""`arc doctor` looks at proxies that the environment names."""

from __future__ import annotations

import socket
import socketserver
import threading
from typing import Any, Callable, Dict, Iterator, List

import pytest

from cli.doctor.report import Examine
from telemetry.receiver import Receiver


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
