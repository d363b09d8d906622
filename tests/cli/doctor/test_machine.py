"""`arc doctor` looks at the metrics port and the cache folder."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from cli.doctor.report import Examine
from runtime import _endpoint
from runtime._telemetry.batch import Batch
from runtime._telemetry.spool import Spool
from telemetry.receiver import free_port


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
