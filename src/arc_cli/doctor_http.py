"""Checks of `arc doctor`: the way to a receiver of OTLP/HTTP, and what it answers."""

from __future__ import annotations

from typing import Any, Iterator

from arc_cli.doctor_finding import OK, PROBLEM, WARNING, Finding
from runtime._endpoint import Endpoint
from runtime._telemetry import channels
from runtime._telemetry.answers import TAKEN
from runtime._telemetry.http_connection import Reply, proxy_of
from runtime._telemetry.http_sender import HttpSender
from runtime._telemetry.tls import TlsFileError, TlsFiles

_WITHIN_S = 10.0
_OF_KEY = (401, 403)


def conversation(receiver: Endpoint, settings: Any) -> Iterator[Finding]:
    """Send an empty export, as the Runtime would; tell that no patterns come that way."""
    proxy = proxy_of(receiver)
    if proxy is not None:
        found = f"requests go through the proxy {proxy.host}:{proxy.port}"
        advice = f"if they should not: add {receiver.host} to no_proxy"
        yield Finding("proxy", OK, found, advice)
    headers = channels.headers(settings.api_key, settings.headers or ())
    sender = HttpSender(receiver, TlsFiles.of(settings), headers)
    try:
        call = sender.send(b"", timeout_s=_WITHIN_S, last=True)
        answer = sender.answer(call)
    except TlsFileError as problem:
        yield Finding("tls", PROBLEM, str(problem))
        return
    finally:
        sender.disconnect()
    outcome, key = call.outcome, settings.api_key
    if answer.kind != TAKEN:
        if isinstance(outcome, Reply) and outcome.status in _OF_KEY:
            advice = "take one of the receiver's keys; Arc Core makes them with: arc keys create"
            said = "it is refused" if key else "none is set, and one is asked for"
            advice = advice if key else f"set ARC_API_KEY; {advice}"
            yield Finding("api key", PROBLEM, f"{said}: {answer.why}", advice)
            return
        # nobody asked for the default endpoint, which is never one of HTTP
        found, _, advice = answer.why.partition(": ")
        yield Finding("telemetry", PROBLEM, found, advice or "see that the address is right")
        return
    yield Finding("telemetry", OK, f"an empty OTLP/HTTP export is accepted at {receiver.traces}")
    if key:
        yield Finding("api key", OK, "it is accepted, or not asked for")
    yield Finding(
        "pattern sync",
        WARNING,
        "no patterns come by OTLP/HTTP: Arc Core pushes them by gRPC alone",
        "where gRPC passes, write grpc:// and Core's port for it, 50051 by default",
    )
