"""TLS to a real receiver: what works, and the one sentence for each thing that does not."""

from __future__ import annotations

import datetime
import http.server
import logging
import threading
import urllib.request
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional

import grpc
import openai
import pytest

from runtime import Arc, _config
from runtime_shapes import RISKY
from telemetry.receiver import Receiver, free_port
from waiting import wait_until

trustme = pytest.importorskip("trustme")
_PAST = {"not_after": datetime.datetime(2021, 1, 1)}


class Authority:
    """A certificate authority whose PEM files are in a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder / name
        self._folder.mkdir()
        self._made = trustme.CA()
        self.ca = self._write("ca.pem", self._made.cert_pem.bytes())

    def server(self, *names: str, clients: bool = False, **validity: Any) -> Any:
        """Return the credentials of a server; one that demands certificates of `clients`."""
        leaf = self._made.issue_cert(*(names or ("localhost",)), **validity)
        chain = b"".join(pem.bytes() for pem in leaf.cert_chain_pems)
        authority = self._made.cert_pem.bytes() if clients else None
        pair = (leaf.private_key_pem.bytes(), chain)
        return grpc.ssl_server_credentials([pair], authority, clients)

    def client(self, **validity: Any) -> Dict[str, str]:
        """Write a client's certificate and key; return the settings that name them."""
        leaf = self._made.issue_cert("agent@example.com", **validity)
        chain = b"".join(pem.bytes() for pem in leaf.cert_chain_pems)
        return {
            "ARC_TLS_CERT": self._write("cert.pem", chain),
            "ARC_TLS_KEY": self._write("key.pem", leaf.private_key_pem.bytes()),
        }

    def _write(self, name: str, content: bytes) -> str:
        path = self._folder / name
        path.write_bytes(content)
        return str(path)


@pytest.fixture
def ours(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "ours")


@pytest.fixture
def theirs(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "theirs")


class Program:
    """An application with Arc that makes one call."""

    def __init__(self, client: openai.OpenAI, space: Any, caplog: Any, monkeypatch: Any) -> None:
        self._client = client
        self._space = space
        self._caplog = caplog
        self._monkeypatch = monkeypatch
        self.arc: Any = None

    def run(self, endpoint: str, env: Optional[Dict[str, str]] = None) -> bool:
        """Start Arc, make the call, check that it was fixed; return whether its span arrived."""
        for name, value in (env or {}).items():
            self._monkeypatch.setenv(name, value)
        with self._caplog.at_level(logging.INFO, logger="arc"):
            self.arc = Arc(endpoint=endpoint, metrics_port=free_port())
            assert self._client.chat.completions.create(**RISKY).choices
            assert self._space.requests()[-1]["json"]["temperature"] == 0.7
            return self.arc.flush(10)

    def warnings(self) -> List[str]:
        """Return what a user reads in the log."""
        return [r.getMessage() for r in self._caplog.records if r.levelno >= logging.WARNING]

    def metric(self, name: str) -> float:
        """Return what a scrape says."""
        wait_until(lambda: self.arc.metrics_url is not None)
        with urllib.request.urlopen(self.arc.metrics_url) as answer:
            text = answer.read().decode()
        found = [line.split()[1] for line in text.splitlines() if line.startswith(f"{name} ")]
        return float(found[0]) if found else 0.0


@pytest.fixture
def program(
    client: openai.OpenAI, space: Any, caplog: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Program]:
    made = Program(client, space, caplog, monkeypatch)
    yield made
    if made.arc is not None:
        made.arc.shutdown()
        assert made.arc.faults() == {}
    logging.getLogger("arc").handlers.clear()


def test_server_tls_delivers(program: Program, ours: Authority) -> None:
    """`grpcs://` and the authority's file suffice, and nothing is said about it."""
    with Receiver(credentials=ours.server()) as receiver:
        assert program.run(receiver.endpoint, {"ARC_TLS_CA": ours.ca})
        assert len(receiver.spans) == 1
    assert program.warnings() == []


def test_mutual_tls_delivers(program: Program, ours: Authority) -> None:
    """A receiver that demands a client certificate gets the one in the settings."""
    with Receiver(credentials=ours.server(clients=True)) as receiver:
        assert program.run(receiver.endpoint, {"ARC_TLS_CA": ours.ca, **ours.client()})
        assert len(receiver.spans) == 1


@pytest.mark.parametrize("infix", ["", "TRACES_"])
def test_files_of_opentelemetry_stand_in(program: Program, ours: Authority, infix: str) -> None:
    """An application that exports traces already has named its files for that."""
    client = ours.client()
    exporter = f"OTEL_EXPORTER_OTLP_{infix}"
    env = {
        f"{exporter}CERTIFICATE": ours.ca,
        f"{exporter}CLIENT_CERTIFICATE": client["ARC_TLS_CERT"],
        f"{exporter}CLIENT_KEY": client["ARC_TLS_KEY"],
    }
    with Receiver(credentials=ours.server(clients=True)) as receiver:
        assert program.run(receiver.endpoint, env)
        assert len(receiver.spans) == 1
    assert program.warnings() == []


def test_files_of_arc_go_before_those_of_opentelemetry(
    program: Program, ours: Authority, theirs: Authority
) -> None:
    """And what is for traces before what is for everything; an empty variable is none."""
    env = {
        "ARC_TLS_CA": ours.ca,
        "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE": theirs.ca,
        "OTEL_EXPORTER_OTLP_CLIENT_KEY": "",
    }
    with Receiver(credentials=ours.server()) as receiver:
        assert program.run(receiver.endpoint, env)
    program.arc.shutdown()
    traces_first = {
        "ARC_TLS_CA": "",
        "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE": ours.ca,
        "OTEL_EXPORTER_OTLP_CERTIFICATE": theirs.ca,
    }
    assert _config.read({}, {**traces_first}).tls_ca == ""
    del traces_first["ARC_TLS_CA"]
    assert _config.read({}, traces_first).tls_ca == ours.ca


def test_files_of_opentelemetry_are_no_matter_in_clear_text(
    program: Program, receiver: Receiver, ours: Authority
) -> None:
    """They are meant for another receiver then: nothing is said about them."""
    assert program.run(receiver.endpoint, {"OTEL_EXPORTER_OTLP_CERTIFICATE": ours.ca})
    assert program.warnings() == []


def test_a_bad_file_is_named_with_its_variable(
    program: Program, ours: Authority, tmp_path: Path
) -> None:
    """The one that people have set."""
    missing = str(tmp_path / "missing.pem")
    with Receiver(credentials=ours.server()) as receiver:
        program.run(receiver.endpoint, {"OTEL_EXPORTER_OTLP_CERTIFICATE": missing})
        assert receiver.requests == []
    [sentence] = program.warnings()
    assert f"{missing} (OTEL_EXPORTER_OTLP_CERTIFICATE) cannot be read" in sentence


def test_key_travels_under_tls(
    program: Program, ours: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The API key is sent to a receiver that has shown who it is."""
    monkeypatch.setenv("ARC_API_KEY", "arc_key_1")
    with Receiver(credentials=ours.server()) as receiver:
        assert program.run(receiver.endpoint, {"ARC_TLS_CA": ours.ca})
        assert receiver.requests[0].metadata["authorization"] == "Bearer arc_key_1"


def _untrusted(ours: Authority, theirs: Authority) -> Any:
    return ours.server(), {"ARC_TLS_CA": theirs.ca}, "ARC_TLS_CA"


def _unnamed(ours: Authority, _: Authority) -> Any:
    return ours.server(), {}, "ARC_TLS_CA"


def _expired(ours: Authority, _: Authority) -> Any:
    return ours.server(**_PAST), {"ARC_TLS_CA": ours.ca}, "expired"


def _for_another_name(ours: Authority, _: Authority) -> Any:
    return ours.server("core.example.com"), {"ARC_TLS_CA": ours.ca}, "for another name"


def _without_client_certificate(ours: Authority, _: Authority) -> Any:
    return ours.server(clients=True), {"ARC_TLS_CA": ours.ca}, "set ARC_TLS_CERT and ARC_TLS_KEY"


def _foreign_client(ours: Authority, theirs: Authority) -> Any:
    env = {"ARC_TLS_CA": ours.ca, **theirs.client()}
    return ours.server(clients=True), env, "look at the one in ARC_TLS_CERT"


def _expired_client(ours: Authority, _: Authority) -> Any:
    env = {"ARC_TLS_CA": ours.ca, **ours.client(**_PAST)}
    return ours.server(clients=True), env, "look at the one in ARC_TLS_CERT"


@pytest.mark.parametrize(
    "case",
    [
        _untrusted,
        _unnamed,
        _expired,
        _for_another_name,
        _without_client_certificate,
        _foreign_client,
        _expired_client,
    ],
)
def test_failed_handshake_is_one_sentence(
    case: Any, program: Program, ours: Authority, theirs: Authority
) -> None:
    """It says what is wrong, where, and what to do; spans wait, and a scrape shows it."""
    credentials, env, told = case(ours, theirs)
    with Receiver(credentials=credentials) as receiver:
        assert not program.run(receiver.endpoint, env)
        assert not program.arc.flush(10)
        assert receiver.requests == []
        [sentence] = program.warnings()
        assert sentence.startswith(f"{receiver.endpoint} is not reachable: ")
        assert told in sentence
        assert program.metric("arc_link_up") == 0
        assert program.metric("arc_telemetry_waiting_spans") == 1


def test_clear_text_to_a_tls_port(program: Program, ours: Authority) -> None:
    """The sentence says what to write for TLS."""
    with Receiver(credentials=ours.server()) as receiver:
        assert not program.run(f"grpc://localhost:{receiver.port}")
    [sentence] = program.warnings()
    assert f"write {receiver.endpoint}" in sentence


def test_tls_to_a_clear_text_port(program: Program, receiver: Receiver, ours: Authority) -> None:
    """The sentence says what the receiver does not speak."""
    endpoint = f"grpcs://localhost:{receiver.port}"
    assert not program.run(endpoint, {"ARC_TLS_CA": ours.ca})
    [sentence] = program.warnings()
    assert sentence.startswith(f"{endpoint} is not reachable: it does not speak TLS")
    assert "write grpc://" in sentence


def test_port_of_a_web_server(program: Program) -> None:
    """OTLP over HTTP has a port of its own, which is easily confused with that of OTLP/gRPC."""

    class Silent(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Silent) as web:
        serving = threading.Thread(target=web.serve_forever)
        serving.start()
        try:
            assert not program.run(f"grpc://localhost:{web.server_port}")
        finally:
            web.shutdown()
            serving.join()
    [sentence] = program.warnings()
    assert "does not speak gRPC" in sentence
    assert "4317" in sentence


def test_renewed_certificate_resumes_delivery(
    program: Program, ours: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    """What waited for an expired certificate is sent once there is a valid one."""
    with Receiver(credentials=ours.server(**_PAST)) as expired:
        assert not program.run(expired.endpoint, {"ARC_TLS_CA": ours.ca})
    with Receiver(port=expired.port, credentials=ours.server()) as renewed:
        with caplog.at_level(logging.INFO, logger="arc"):
            assert program.arc.flush(10)
        assert len(renewed.spans) == 1
    assert caplog.messages[-1] == f"{renewed.endpoint} takes telemetry again."


def _cert_alone(ours: Authority, _: Path) -> Any:
    env = {"ARC_TLS_CERT": ours.client()["ARC_TLS_CERT"]}
    return env, "ARC_TLS_CERT is set without ARC_TLS_KEY"


def _key_alone(ours: Authority, _: Path) -> Any:
    env = {"ARC_TLS_KEY": ours.client()["ARC_TLS_KEY"]}
    return env, "ARC_TLS_KEY is set without ARC_TLS_CERT"


def _key_of_another(ours: Authority, tmp_path: Path) -> Any:
    other = Authority(tmp_path, "other").client()["ARC_TLS_KEY"]
    return {**ours.client(), "ARC_TLS_KEY": other}, "a certificate and its own key"


def _no_file(_: Authority, tmp_path: Path) -> Any:
    env = {"ARC_TLS_CA": str(tmp_path / "none.pem")}
    return env, "none.pem (ARC_TLS_CA) cannot be read: No such file"


def _no_pem(_: Authority, tmp_path: Path) -> Any:
    (tmp_path / "text.pem").write_text("a certificate")
    return {"ARC_TLS_CA": str(tmp_path / "text.pem")}, "text.pem (ARC_TLS_CA) holds no certificate"


def _key_with_password(ours: Authority, tmp_path: Path) -> Any:
    from cryptography.hazmat.primitives import serialization

    env = ours.client()
    path = Path(env["ARC_TLS_KEY"])
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    return env, "without a password"


@pytest.mark.parametrize(
    "case", [_cert_alone, _key_alone, _key_of_another, _key_with_password, _no_file, _no_pem]
)
def test_unusable_files_are_one_sentence(
    case: Any, program: Program, ours: Authority, tmp_path: Path
) -> None:
    """gRPC ends the process or says nothing of use; Arc names the file and counts the drop."""
    env, told = case(ours, tmp_path)
    with Receiver(credentials=ours.server()) as receiver:
        program.run(receiver.endpoint, {"ARC_TLS_CA": ours.ca, **env})
        assert receiver.requests == []
        [sentence] = program.warnings()
        assert sentence.startswith(f"Telemetry cannot be delivered to {receiver.endpoint}: ")
        assert told in sentence
        assert program.metric('arc_telemetry_dropped_total{reason="refused"}') == 1


def test_files_without_tls_are_pointed_out(
    program: Program, receiver: Receiver, ours: Authority
) -> None:
    """Who names TLS files believes in encryption: one sentence says that there is none."""
    assert program.run(receiver.endpoint, {"ARC_TLS_CA": ours.ca})
    [sentence] = program.warnings()
    assert "clear text" in sentence
    assert f"write grpcs://localhost:{receiver.port}" in sentence
