"""The four ways into Core, each asked with a key and with what the ports need of TLS."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import grpc

from arc_protocol.wire import pattern_sync
from arc_protocol.wire.sync_pb2 import FromRuntime, Hello
from core.core_process import CoreProcess
from core.otlp import exporter, request

_TIMEOUT_S = 20


class Trust(NamedTuple):
    """What a client knows and shows: PEM files."""

    authority: Path
    certificate: tuple[Path, Path] | None = None

    def context(self) -> ssl.SSLContext:
        made = ssl.create_default_context(cafile=self.authority)
        if self.certificate:
            made.load_cert_chain(*self.certificate)
        return made

    def credentials(self) -> grpc.ChannelCredentials:
        cert, key = self.certificate or (None, None)
        return grpc.ssl_channel_credentials(
            self.authority.read_bytes(), key and key.read_bytes(), cert and cert.read_bytes()
        )


def channel(core: CoreProcess, trust: Trust | None = None) -> grpc.Channel:
    """Connect to the gRPC port."""
    options = [
        ("grpc.max_send_message_length", -1),
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.enable_retries", 0),
    ]
    if trust is None:
        return grpc.insecure_channel(core.address, options)
    return grpc.secure_channel(core.address, trust.credentials(), options)


def _metadata(key: str | None) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {key}")] if key else []


def otlp_grpc(core: CoreProcess, key: str | None, trust: Trust | None = None) -> str:
    with channel(core, trust) as connected:
        try:
            exporter(connected)(request([11]), metadata=_metadata(key), timeout=_TIMEOUT_S)
        except grpc.RpcError as refusal:
            return f"{refusal.code().name}: {refusal.details()}"
    return "ok"


def sync(core: CoreProcess, key: str | None, trust: Trust | None = None) -> str:
    hello = FromRuntime(hello=Hello(runtime_id="door"))
    with channel(core, trust) as connected:
        stream = pattern_sync.call(connected, iter([hello]), _metadata(key))
        try:
            welcomed = next(stream).HasField("welcome")
        except grpc.RpcError as refusal:
            return f"{refusal.code().name}: {refusal.details()}"
        finally:
            stream.cancel()
    return "ok" if welcomed else "no welcome"


def _http(asked: urllib.request.Request, key: str | None, trust: Trust | None) -> str:
    if key:
        asked.add_header("authorization", f"Bearer {key}")
    context = trust.context() if trust else None
    try:
        urllib.request.urlopen(asked, timeout=_TIMEOUT_S, context=context).close()
    except urllib.error.HTTPError as refusal:
        with refusal:
            answer = json.load(refusal)
            return f"{refusal.code}: {answer.get('detail') or answer.get('message')}"
    return "ok"


def otlp_http(core: CoreProcess, key: str | None, trust: Trust | None = None) -> str:
    headers = {"content-type": "application/json"}
    body = b'{"resourceSpans": []}'
    return _http(
        urllib.request.Request(f"{core.http_url}/v1/traces", body, headers, method="POST"),
        key,
        trust,
    )


def rest(core: CoreProcess, key: str | None, trust: Trust | None = None) -> str:
    return _http(urllib.request.Request(f"{core.http_url}/api/v1/info"), key, trust)


Door = Callable[..., str]
DOORS: dict[str, Door] = {
    "OTLP/gRPC": otlp_grpc,
    "pattern sync": sync,
    "OTLP/HTTP": otlp_http,
    "REST": rest,
}
"""Each returns "ok", or a code and the sentence with which it was refused."""
