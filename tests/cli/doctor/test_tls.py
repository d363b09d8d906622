"""`arc doctor` looks at certificates and at who talks TLS."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme

from cli.doctor.report import Examine
from telemetry.receiver import Receiver


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
