"""`arc doctor` looks at receivers of OTLP/HTTP."""

from __future__ import annotations

import json

import pytest

from cli.doctor.report import Examine
from core.core_process import CoreProcess
from telemetry.http_receiver import HttpReceiver, answer
from telemetry.receiver import free_port


def test_core_takes_telemetry_and_pushes_nothing(examine: Examine, core: CoreProcess) -> None:
    """All is well with it, but for the patterns, of which people must know."""
    report = examine(ARC_ENDPOINT=core.http_url)
    assert (report.code, report.warnings) == (0, ["pattern sync"])
    assert "is accepted at /v1/traces" in report.of("telemetry")[0]
    assert "by gRPC alone" in report.of("pattern sync")[0]


def test_nobody_listens_by_http(examine: Examine) -> None:
    report = examine(ARC_ENDPOINT=f"http://127.0.0.1:{free_port()}")
    assert (report.code, report.problems) == (1, ["telemetry"])
    assert "nobody listens there" in report.of("telemetry")[0]


@pytest.mark.parametrize(("key", "told"), [("arc_1", "it is refused"), ("", "set ARC_API_KEY")])
def test_key_that_is_refused_by_http(examine: Examine, key: str, told: str) -> None:
    """It is never shown."""
    with HttpReceiver() as receiver:
        receiver.script(answer(401, b"no such key", content_type="text/plain"))
        report = examine(ARC_ENDPOINT=receiver.endpoint, ARC_API_KEY=key)
    assert report.problems == ["api key"]
    assert told in report.of("api key")[0]
    assert "no such key" in report.of("api key")[0]
    assert not key or key not in json.dumps(report.json)


def test_proxy_for_http(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sent to the name itself."""
    with HttpReceiver() as proxy:
        monkeypatch.setenv("http_proxy", f"http://localhost:{proxy.port}")
        report = examine(ARC_ENDPOINT="http://core.example.com:4318")
        assert report.of("proxy") == [
            f"requests go through the proxy localhost:{proxy.port} -> "
            "if they should not: add core.example.com to no_proxy"
        ]
        assert proxy.requests[0].target == "http://core.example.com:4318/v1/traces"
