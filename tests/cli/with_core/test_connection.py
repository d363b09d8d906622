"""Every way in which Core cannot be asked ends in one sentence that says what to do."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from cli.with_core.conftest import Arc
from core.web.served import Served


@contextmanager
def answering(
    reply: bytes, context: ssl.SSLContext | None = None, asked: list[bytes] | None = None
) -> Iterator[int]:
    """Answer each connection with the same bytes, noting what was asked; give the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                try:
                    with connection:
                        plain = connection
                        if context is not None:
                            plain = context.wrap_socket(connection, server_side=True)
                        with plain:
                            request = plain.recv(65536)
                            if asked is not None:
                                asked.append(request)
                            plain.sendall(reply)
                except OSError:
                    continue

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def http(status: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def sentence(arc: Arc, *arguments: str) -> str:
    done = arc("status", *arguments)
    assert (done.code, done.out) == (1, "")
    (line,) = done.err.splitlines()
    assert line.startswith("arc status: ")
    return line


def test_nobody_there(arc: Arc) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    line = sentence(arc, "--url", f"http://127.0.0.1:{port}")
    assert "Connection refused" in line
    assert "start it with `arc core`, or name its address with --url or ARC_CORE_URL" in line


@pytest.mark.parametrize(
    "url",
    [
        *("localhost:8050", "grpc://localhost:50051", "http://", "http://h:99999", "http://h:x"),
        *("http://h/?a=b", "http://me:secret@h", "http://[::1", ""),
    ],
)
def test_what_is_no_address(arc: Arc, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARC_CORE_URL", "nonsense")
    line = sentence(arc, f"--url={url}")
    assert "write http://host:port" in line
    assert "secret" not in line


def test_a_name_that_nobody_has(arc: Arc) -> None:
    assert "does not answer at http://nobody.invalid:1" in sentence(
        arc, "--url", "http://nobody.invalid:1"
    )


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00",  # as a gRPC port greets
        http("200 OK", b"<html>hello</html>"),
        http("404 Not Found", b"<html>no</html>"),
        http("500 Internal Server Error"),
        http("401 Unauthorized", b"[]"),
    ],
)
def test_somebody_else_is_there(arc: Arc, reply: bytes) -> None:
    with answering(reply) as port:
        line = sentence(arc, "--url", f"http://127.0.0.1:{port}", "--key", "k")
        assert "is not Arc Core's HTTP port" in line


def test_a_redirect_is_not_followed_with_the_key(arc: Arc) -> None:
    first: list[bytes] = []
    second: list[bytes] = []
    with answering(http("200 OK", b"{}"), asked=second) as other:
        location = f"Location: http://127.0.0.1:{other}/steal"
        with answering(http("302 Found", b"", location), asked=first) as port:
            line = sentence(arc, "--url", f"http://127.0.0.1:{port}", "--key", "k")
    assert "(status 302)" in line
    assert b"Authorization: Bearer k" in first[0]
    assert second == []


def test_a_key_does_not_travel_in_clear_text(arc: Arc) -> None:
    line = sentence(arc, "--url", "http://core.example:8050", "--key", "arc_secret")
    assert "in clear text; write https://" in line
    assert "arc_secret" not in line


def test_a_wrong_key(guarded: Served, arc: Arc) -> None:
    assert "unknown or revoked" in sentence(arc, "--key", "arc_x_y")
    assert "give --key or ARC_API_KEY" in sentence(arc)


def test_loopback_is_reached_past_a_proxy(
    core: Served, arc: Arc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    assert arc("status").code == 0


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


PROBLEM = b'{"type": "about:blank", "status": 503, "detail": "The disk is full; make room."}'


def test_tls_with_an_authority_of_ones_own(
    arc: Arc,
    tls: ssl.SSLContext,
    authority: trustme.CA,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with answering(http("503 Service Unavailable", PROBLEM), tls) as port:
        url = f"https://127.0.0.1:{port}"
        line = sentence(arc, "--url", url)
        assert "is not trusted" in line
        assert "ARC_TLS_CA" in line
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("ARC_TLS_CA", str(tmp_path / "ca.pem"))
        assert sentence(arc, "--url", url) == "arc status: The disk is full; make room."


def test_a_certificate_is_shown_to_who_demands_it(
    arc: Arc,
    tls: ssl.SSLContext,
    authority: trustme.CA,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tls.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(tls)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    mine = authority.issue_cert("me@example.org")
    mine.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "me.pem"))
    monkeypatch.setenv("ARC_TLS_CA", str(tmp_path / "ca.pem"))
    with answering(http("503 Service Unavailable", PROBLEM), tls) as port:
        url = f"https://127.0.0.1:{port}"
        assert "ARC_TLS_CERT" in sentence(arc, "--url", url)
        monkeypatch.setenv("ARC_TLS_CERT", str(tmp_path / "me.pem"))
        monkeypatch.setenv("ARC_TLS_KEY", str(tmp_path / "me.pem"))
        assert sentence(arc, "--url", url) == "arc status: The disk is full; make room."


def test_tls_on_one_side_only(arc: Arc, core: Served, tls: ssl.SSLContext) -> None:
    assert "write http://" in sentence(arc, "--url", f"https://127.0.0.1:{core.port}")
    with answering(b"", tls) as port:
        assert "https:// if Core has a certificate" in sentence(
            arc, "--url", f"http://127.0.0.1:{port}"
        )


def test_files_that_are_no_certificates(arc: Arc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARC_TLS_CA", "/no/such/file")
    assert "ARC_TLS_CA" in sentence(arc, "--url", "https://127.0.0.1:1")


@pytest.mark.parametrize("command", ["patterns", "keys", "status", "tail", "failures", "calls"])
def test_commands_start_without_the_server_s_packages(command: str) -> None:
    """They work where only the client is installed."""
    code = (
        "import sys\n"
        "for name in ('starlette', 'sqlalchemy', 'chdb', 'yaml', 'arc_core', 'grpc', 'openai'):\n"
        "    sys.modules[name] = None\n"
        "import arc_cli\n"
        f"sys.exit(arc_cli.main(['{command}', '--help']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "80"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert f"usage: arc {command}" in done.stdout
