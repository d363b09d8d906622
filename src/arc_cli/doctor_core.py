"""Checks of `arc doctor`: what the receiver answers to telemetry, to the key, to pattern sync."""

from __future__ import annotations

import os
import platform
import socket
import threading
import time
import uuid
from typing import Any, Iterator, List, NamedTuple, Optional, Tuple

from arc_cli.doctor_finding import OK, PROBLEM, WARNING, Finding
from arc_protocol.version import __version__
from runtime._endpoint import Endpoint
from runtime._telemetry import channels
from runtime._telemetry.causes import cause
from runtime._telemetry.grpc_sender import METHOD
from runtime._telemetry.tls import TlsFileError, TlsFiles

_WITHIN_S = 10.0
_CLOCK_S = 2.0
"""Beyond this, calls show up in Core at times that people do not recognise."""
_OF_KEY = ("UNAUTHENTICATED", "PERMISSION_DENIED")


def conversation(receiver: Endpoint, settings: Any) -> Iterator[Finding]:
    """Send an empty export, then say hello to Core."""
    from arc_protocol.wire.pattern_sync import MAX_SET_BYTES

    files = TlsFiles.of(settings)
    try:
        channel = channels.connect(receiver, files, message_limit=MAX_SET_BYTES)
    except TlsFileError as problem:
        yield Finding("tls", PROBLEM, str(problem))
        return
    key = settings.api_key
    metadata = channels.headers(key, settings.headers or ())
    with channel:
        for finding in _export(channel, metadata, receiver, bool(files.cert)):
            yield finding
            if finding.level != OK:
                return
        yield from _sync(channel, metadata, receiver)


def _export(
    channel: Any, metadata: List[Tuple[str, str]], receiver: Endpoint, with_certificate: bool
) -> Iterator[Finding]:
    import grpc
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

    export = channel.unary_unary(
        METHOD, response_deserializer=trace_service_pb2.ExportTraceServiceResponse.FromString
    )
    nothing = trace_service_pb2.ExportTraceServiceRequest().SerializeToString()
    try:
        export(nothing, timeout=_WITHIN_S, metadata=metadata)
    except grpc.RpcError as error:
        yield _refusal("telemetry", error, receiver, with_certificate, bool(metadata))
        return
    yield Finding("telemetry", OK, "an empty OTLP export is accepted")
    if metadata:
        yield Finding("api key", OK, "it is accepted, or not asked for")


def _refusal(
    check: str, error: Any, receiver: Endpoint, with_certificate: bool, with_key: bool
) -> Finding:
    code, details = error.code().name, error.details() or "no reason given"
    if code in _OF_KEY:
        advice = "take one of the receiver's keys; Arc Core makes them with: arc keys create"
        if not with_key:
            advice = f"set ARC_API_KEY; {advice}"
        said = "it is refused" if with_key else "none is set, and one is asked for"
        return Finding("api key", PROBLEM, f"{said}: {details[:300]}", advice)
    if code == "UNIMPLEMENTED":
        return Finding(
            check,
            PROBLEM,
            f"it speaks gRPC, but takes no OTLP traces: {details[:300]}",
            "see that the port is that of OTLP/gRPC, and that no proxy answers in its place",
        )
    known = cause(code, details, receiver, with_certificate=with_certificate)
    found, _, advice = known.partition(": ")
    if known == code:
        found = f"it answers {code}: {details[:300]}"
    return Finding(check, PROBLEM, found, advice)


class _Hello(NamedTuple):
    """What Core says at the beginning of a stream."""

    welcome: Any
    patterns: int
    """How many are in force."""
    heard_at: float
    """When the welcome came, by the clock of this machine."""
    within_s: float
    """How long that took."""


def _sync(channel: Any, metadata: List[Tuple[str, str]], receiver: Endpoint) -> Iterator[Finding]:
    import grpc

    try:
        said = _hello(channel, metadata)
    except grpc.RpcError as error:
        code = error.code().name
        if code == "UNIMPLEMENTED":
            yield Finding(
                "pattern sync",
                WARNING,
                "it takes telemetry and is not Arc Core: no patterns are pushed from there",
                "if it should be Arc Core, see that the port is right; its default is 50051",
            )
        elif code == "CANCELLED":
            yield Finding("pattern sync", PROBLEM, f"no answer within {_WITHIN_S:.0f} s")
        else:
            yield _refusal("pattern sync", error, receiver, False, bool(metadata))
        return
    if said is None:
        yield Finding("pattern sync", PROBLEM, "it does not answer as Arc Core does")
        return
    core, project = said.welcome.core_version, said.welcome.project
    yield Finding(
        "pattern sync",
        OK,
        f"Arc Core {core}, project {project}, {said.patterns} patterns in force",
    )
    yield from _clock(said)


def _hello(channel: Any, metadata: List[Tuple[str, str]]) -> Optional[_Hello]:
    """Start a stream as a Runtime does, and end it once Core has said how it stands."""
    from arc_protocol.wire import pattern_sync, sync_pb2

    hello = sync_pb2.Hello(
        runtime_id=str(uuid.uuid4()),
        runtime_version=__version__,
        language_version=pattern_sync.LANGUAGE_VERSION,
        service="arc doctor",
        host=socket.gethostname(),
        pid=os.getpid(),
        python=platform.python_version(),
    )
    over = threading.Event()

    def words() -> Iterator[sync_pb2.FromRuntime]:
        yield sync_pb2.FromRuntime(hello=hello)
        over.wait()

    asked_at = time.monotonic()
    call = pattern_sync.call(channel, words(), metadata)
    deadline = threading.Timer(_WITHIN_S, call.cancel)
    deadline.start()
    try:
        first = next(call, None)
        if first is None or first.WhichOneof("message") != "welcome":
            return None
        heard_at, within_s = time.time(), time.monotonic() - asked_at
        second = next(call, None)
        if second is None or second.WhichOneof("message") not in ("pattern_set", "current"):
            return None
        return _Hello(first.welcome, len(second.pattern_set.entries), heard_at, within_s)
    finally:
        deadline.cancel()
        over.set()
        call.cancel()


def _clock(said: _Hello) -> Iterator[Finding]:
    theirs_s = said.welcome.server_time_unix_ms / 1e3
    if not theirs_s:
        return
    # it was taken somewhere between question and answer
    apart_s = theirs_s - (said.heard_at - said.within_s / 2)
    unsure_s = said.within_s / 2
    if abs(apart_s) - unsure_s <= _CLOCK_S:
        yield Finding("clock", OK, f"within {abs(apart_s) + unsure_s:.1f} s of Arc Core's")
        return
    slow = "behind" if apart_s > 0 else "ahead of"
    yield Finding(
        "clock",
        WARNING,
        f"this machine's clock is {abs(apart_s):.0f} s {slow} Arc Core's: calls appear there at "
        "the wrong time",
        "let both machines set their clocks by NTP",
    )
