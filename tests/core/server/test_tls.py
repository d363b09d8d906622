"""TLS on both ports of the real `arc core`, with real Runtimes and the `arc` command as clients.

What does not fit together is told in one sentence on both sides, as far as gRPC's server, which
says nothing about connections that fail, lets us.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.core_process import CoreProcess, core
from core.server.application import Application, application
from core.server.certificates import Authority
from core.server.doors import DOORS, Trust
from core.server.provider import Provider, provider


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    return Authority(folder)


@pytest.fixture(scope="module")
def secure(folder: Path, authority: Authority) -> Iterator[CoreProcess]:
    """A Core with a certificate."""
    with core(folder / "secure", *authority.server()) as process:
        yield process


@pytest.fixture(scope="module")
def mutual(folder: Path, authority: Authority) -> Iterator[CoreProcess]:
    """A Core that demands certificates of its clients as well."""
    options = [*authority.server(), "--tls-client-ca", str(authority.file)]
    with core(folder / "mutual", *options) as process:
        yield process


@pytest.fixture(scope="module")
def chat_api() -> Iterator[Provider]:
    with provider() as running:
        yield running


def clear(url: str) -> str:
    return url.replace("grpcs://", "grpc://").replace("https://", "http://")


def secured(url: str) -> str:
    return url.replace("grpc://", "grpcs://").replace("http://", "https://")


def status(url: str, **environ: str) -> str:
    """Return what `arc status` says on its error output."""
    done = subprocess.run(
        [sys.executable, "-m", "arc_cli", "status", "--url", url],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.stderr if done.returncode else "ok"


def refused(process: Application) -> str:
    """Return the one warning about telemetry; the application's calls go on."""
    assert process.do("call 2") == "ok"
    process.do("flush 5")
    assert process.do("faults") == "{}"
    warnings = [line for line in process.log.splitlines() if line.startswith("WARNING arc: ")]
    assert len(warnings) == 1, process.log
    return warnings[0]


def delivers(process: Application) -> None:
    assert process.do("link connected") == "ok"
    process.do("call 1")
    assert process.do("flush 20") == "True"
    assert "WARNING" not in process.log


def test_every_door_is_there_behind_tls(secure: CoreProcess, authority: Authority) -> None:
    """Both ports show the certificate, and the banner says grpcs and https."""
    assert secure.grpc_url.startswith("grpcs://")
    assert secure.http_url.startswith("https://")
    trust = Trust(authority.file)
    assert {door(secure, None, trust) for door in DOORS.values()} == {"ok"}
    assert status(secure.http_url, ARC_TLS_CA=str(authority.file)) == "ok"


def test_a_runtime_speaks_tls(
    secure: CoreProcess, authority: Authority, chat_api: Provider, tmp_path: Path
) -> None:
    """grpcs:// and the authority's file are all that it takes."""
    with application(
        "tls", secure.grpc_url, chat_api, tmp_path, ARC_TLS_CA=authority.file
    ) as process:
        delivers(process)


def test_certificates_of_clients(
    mutual: CoreProcess, authority: Authority, chat_api: Provider, tmp_path: Path
) -> None:
    """With one of the authority all doors open; without one none, and both sides are told why."""
    cert, key = authority.issue("client")
    trust = Trust(authority.file, (cert, key))
    assert {door(mutual, None, trust) for door in DOORS.values()} == {"ok"}
    ca = {"ARC_TLS_CA": str(authority.file)}
    shown = {**ca, "ARC_TLS_CERT": str(cert), "ARC_TLS_KEY": str(key)}
    with application("mtls", mutual.grpc_url, chat_api, tmp_path, **shown) as process:
        delivers(process)
    with application("bare", mutual.grpc_url, chat_api, tmp_path, **ca) as process:
        assert "wants a client certificate: set ARC_TLS_CERT and ARC_TLS_KEY" in refused(process)
    assert "ARC_TLS_CERT" in status(mutual.http_url, **ca)
    mutual.wait_for_log("it showed no certificate; --tls-client-ca demands one")
    assert "Traceback" not in mutual.log


def test_a_foreign_certificate_of_a_client(
    mutual: CoreProcess, authority: Authority, chat_api: Provider, tmp_path: Path
) -> None:
    cert, key = Authority(tmp_path, "foreign").issue("stranger")
    files = {"ARC_TLS_CA": authority.file, "ARC_TLS_CERT": cert, "ARC_TLS_KEY": key}
    with application("foreign", mutual.grpc_url, chat_api, tmp_path, **files) as process:
        assert "look at the one in ARC_TLS_CERT" in refused(process)
    assert "ARC_TLS_CERT" in status(mutual.http_url, **{k: str(v) for k, v in files.items()})
    mutual.wait_for_log("its certificate is not of --tls-client-ca, or has expired")


def test_an_authority_that_the_client_does_not_know(
    secure: CoreProcess, chat_api: Provider, tmp_path: Path
) -> None:
    with application("untrusting", secure.grpc_url, chat_api, tmp_path) as process:
        assert "name the PEM file of its authority in ARC_TLS_CA" in refused(process)
    assert "is not trusted" in status(secure.http_url)
    secure.wait_for_log("it does not trust the certificate of --tls-cert")


def test_an_expired_certificate(
    folder: Path, authority: Authority, chat_api: Provider, tmp_path: Path
) -> None:
    """Core says so as it starts, the Runtime and the command as they are shown it."""
    with core(folder / "expired", *authority.server(expired=True)) as process:
        assert "has expired: Runtimes refuse it" in process.banner
        files = {"ARC_TLS_CA": str(authority.file)}
        with application("late", process.grpc_url, chat_api, tmp_path, **files) as client:
            assert "its certificate has expired" in refused(client)
        assert "certificate has expired" in status(process.http_url, **files)
        process.wait_for_log("says that the certificate of --tls-cert has expired")


def test_clear_text_to_tls(secure: CoreProcess, chat_api: Provider, tmp_path: Path) -> None:
    with application("clear", clear(secure.grpc_url), chat_api, tmp_path) as process:
        assert f"wants TLS: write {secure.grpc_url}" in refused(process)
    assert "https:// if Core has a certificate" in status(clear(secure.http_url))
    secure.wait_for_log("it spoke clear text; its address has to begin with https://")
    assert "Traceback" not in secure.log


def test_tls_to_clear_text(authority: Authority, chat_api: Provider, tmp_path: Path) -> None:
    with core(tmp_path / "clear") as process:
        files = {"ARC_TLS_CA": str(authority.file)}
        with application(
            "secured", secured(process.grpc_url), chat_api, tmp_path, **files
        ) as client:
            assert "it does not speak TLS: write grpc://" in refused(client)
        assert "write http:// if Core has no certificate" in status(
            secured(process.http_url), **files
        )
        process.wait_for_log("Invalid HTTP request received")
        assert "Traceback" not in process.log
