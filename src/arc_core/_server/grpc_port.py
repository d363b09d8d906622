"""The gRPC port: telemetry and pattern sync on one grpc.aio server."""

from __future__ import annotations

import errno
from collections.abc import Iterable

import grpc

from arc_core._server import ports, tls
from arc_core.collector.grpc_service import SERVER_OPTIONS
from arc_core.config import SettingError, Settings

_OPTIONS = (
    *SERVER_OPTIONS,
    # or a second Core would share the port and get half of the calls
    ("grpc.so_reuseport", 0),
    # Runtimes may keep idle streams alive with pings
    ("grpc.http2.min_ping_interval_without_data_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
)


async def serve(settings: Settings, handlers: Iterable[object]) -> tuple[grpc.aio.Server, int]:
    """Start a server with these services; return it and its port.

    Raises `SettingError` when the port cannot be had.
    """
    server = grpc.aio.server(options=_OPTIONS)
    server.add_generic_rpc_handlers(tuple(handlers))
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"{host}:{settings.port}"
    credentials = tls.grpc_credentials(settings)
    try:
        if credentials is None:
            port = server.add_insecure_port(address)
        else:
            port = server.add_secure_port(address, credentials)
    except RuntimeError:
        taken = OSError(errno.EADDRINUSE, "address already in use")
        raise SettingError(ports.complaint(settings.host, settings.port, "--port", taken)) from None
    await server.start()
    return server, port
