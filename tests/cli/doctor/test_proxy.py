"""`arc doctor` looks at proxies that the environment names."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, Callable, Dict, Iterator

import pytest

from cli.doctor.report import Examine
from telemetry.receiver import Receiver
from tunnel import Tunnel


@pytest.fixture
def proxy() -> Iterator[Callable[[int], Tunnel]]:
    with ExitStack() as started:
        yield lambda port: started.enter_context(Tunnel(port))


def test_proxy_is_named_and_gone_through(examine: Examine, proxy: Any) -> None:
    """gRPC takes it from the environment, which few know; the way through it is tried."""
    with Receiver() as receiver:
        tunnel = proxy(receiver.port)
        report = examine(ARC_ENDPOINT="grpc://core.example:50051", https_proxy=tunnel.url)
    assert report.problems == []
    assert "(https_proxy)" in report.of("proxy")[0]
    assert "no_proxy" in report.of("proxy")[0]
    assert report.of("telemetry", "ok")
    # the doctor itself and gRPC
    assert len(tunnel.asked) == 2
    assert all(line.startswith("CONNECT core.example:50051 ") for line in tunnel.asked)


def test_proxy_that_refuses(examine: Examine, proxy: Any) -> None:
    """Its answer is shown."""
    report = examine(ARC_ENDPOINT="grpc://core.example:50051", grpc_proxy=proxy(0).url)
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
