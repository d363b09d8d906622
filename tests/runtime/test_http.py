"""Arc with an endpoint of OTLP/HTTP: the way for telemetry where gRPC does not pass."""

from __future__ import annotations

import logging
import os
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Iterator, Tuple

import openai
import pytest

from runtime import Arc
from runtime_shapes import RISKY
from telemetry.http_receiver import HttpReceiver
from tunnel import Tunnel

PROGRAM = """
import sys
how, base_url = sys.argv[1:]
if how == "gevent":
    from gevent import monkey
    monkey.patch_all()
import os
import openai
from runtime import Arc

arc = Arc()
def call():
    with openai.OpenAI(base_url=base_url, api_key="k") as client:
        client.chat.completions.create(
            model="gpt-4.1", temperature=0.95, messages=[{"role": "user", "content": "Hi"}]
        )
call()
assert arc.flush(20)
if how == "fork":
    child = os.fork()
    call()
    assert arc.flush(20)
    if child == 0:
        os._exit(len(arc.faults()) + ("grpc" in sys.modules))
    assert os.waitpid(child, 0)[1] == 0
else:
    call()
assert arc.faults() == {}, arc.faults()
assert "grpc" not in sys.modules
"""


@pytest.fixture
def web() -> Iterator[HttpReceiver]:
    with HttpReceiver() as running:
        yield running


@pytest.mark.parametrize("how", ["plainly", "gevent", "fork"])
def test_calls_are_told_of_without_grpc(how: str, web: HttpReceiver, space: Any) -> None:
    """Two or three calls, the last one while the program ends; gRPC is never loaded."""
    if how == "gevent":
        pytest.importorskip("gevent")
    if how == "fork" and not hasattr(os, "fork"):
        pytest.skip("this system has no forks")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, how, space.base_url],
        env={**os.environ, "ARC_ENDPOINT": web.endpoint, "ARC_METRICS_PORT": "0"},
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert len(web.spans) == (3 if how == "fork" else 2)
    assert len({span.span_id for span in web.spans}) == len(web.spans)
    assert [each["json"]["temperature"] for each in space.requests()] == [0.7] * len(web.spans)


def test_patterns_do_not_come_that_way_and_arc_says_so(
    start: Callable[..., Arc], web: HttpReceiver, client: openai.OpenAI, caplog: Any
) -> None:
    """One sentence; the patterns of the process itself are in force."""
    with caplog.at_level(logging.INFO, logger="arc"):
        arc = start(endpoint=web.endpoint)
        client.chat.completions.create(**RISKY)
        assert arc.flush(10)
        assert arc.flush(10)
    said = [r.getMessage() for r in caplog.records if "patterns" in r.getMessage()]
    assert len(said) == 1
    assert f"{web.endpoint} gets telemetry, but no patterns come from there" in said[0]
    assert arc.link.state == "unsupported"
    assert len(web.spans) == 1


def test_an_endpoint_may_change_from_one_protocol_to_the_other(
    start: Callable[..., Arc], receiver: Any, web: HttpReceiver, client: openai.OpenAI
) -> None:
    """What was to go to the first goes there; the rest to the second."""
    arc = start()
    client.chat.completions.create(**RISKY)
    assert arc.flush(10)
    Arc(endpoint=web.endpoint)
    client.chat.completions.create(**RISKY)
    assert arc.flush(10)
    Arc(endpoint=receiver.endpoint)
    client.chat.completions.create(**RISKY)
    assert arc.flush(10)
    assert (len(receiver.spans), len(web.spans)) == (2, 1)


def served(folder: Path, name: str) -> Tuple[Any, Path, ssl.SSLContext]:
    """Return an authority, its file, and what a server of that name does TLS with."""
    trustme = pytest.importorskip("trustme")
    authority, ca = trustme.CA(), folder / "ca.pem"
    authority.cert_pem.write_to_path(str(ca))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    return authority, ca, context


@pytest.mark.parametrize("clients", [False, True])
def test_https_with_the_files_of_the_settings(
    clients: bool, start: Callable[..., Arc], client: openai.OpenAI, tmp_path: Path
) -> None:
    """The authority, and the client's certificate where the receiver wants one."""
    authority, ca, context = served(tmp_path, "localhost")
    settings = {"tls_ca": str(ca)}
    if clients:
        context.verify_mode = ssl.CERT_REQUIRED
        authority.configure_trust(context)
        pair, cert, key = authority.issue_cert("client"), tmp_path / "c.pem", tmp_path / "k.pem"
        pair.cert_chain_pems[0].write_to_path(str(cert))
        pair.private_key_pem.write_to_path(str(key))
        settings.update(tls_cert=str(cert), tls_key=str(key))
    with HttpReceiver(tls=context) as web:
        arc = start(endpoint=web.endpoint, api_key="arc_key_1", **settings)
        client.chat.completions.create(**RISKY)
        assert arc.flush(10)
        [request] = web.requests
        assert request.headers["authorization"] == "Bearer arc_key_1"


def test_https_goes_through_a_proxy(
    start: Callable[..., Arc],
    client: openai.OpenAI,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The proxy opens a tunnel, and sees neither key nor calls."""
    _, ca, context = served(tmp_path, "core.example.com")
    monkeypatch.setenv("no_proxy", "localhost,127.0.0.1")
    with HttpReceiver(tls=context) as web, Tunnel(web.port) as tunnel:
        monkeypatch.setenv("https_proxy", tunnel.url)
        arc = start(endpoint="https://core.example.com", tls_ca=str(ca))
        client.chat.completions.create(**RISKY)
        assert arc.flush(10)
        assert [line.split()[:2] for line in tunnel.asked] == [["CONNECT", "core.example.com:443"]]
        assert web.requests[0].headers["host"] == "core.example.com"
        Arc(endpoint="")  # hang up before the tunnel ends


def test_https_of_an_unknown_authority_is_told(
    start: Callable[..., Arc], client: openai.OpenAI, caplog: Any
) -> None:
    """Nothing is sent; the sentence says what to name where."""
    trustme = pytest.importorskip("trustme")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    with HttpReceiver(tls=context) as web:
        arc = start(endpoint=web.endpoint, shutdown_timeout=0.2)
        client.chat.completions.create(**RISKY)
        assert not arc.flush(2)
        assert web.requests == []
    assert f"{web.endpoint} is not reachable: its certificate is not from an" in caplog.text
    assert "ARC_TLS_CA" in caplog.text
