"""The HTTP port: uvicorn within the event loop of Core, which handles signals itself."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING

import uvicorn

from arc_core._server import tls
from arc_core.config import Settings

if TYPE_CHECKING:
    from starlette.types import ASGIApp

_GRACE_S = 5


class HttpServer(uvicorn.Server):
    """Serves an application on a socket that listens already, until `should_exit` is set."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        config = uvicorn.Config(
            app,
            lifespan="off",
            ws="none",
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=_GRACE_S,
            **tls.http_options(settings),  # type: ignore[arg-type]
        )
        config.load()
        if config.ssl is not None:
            config.ssl.sslobject_class = tls.LoggedHandshake
        super().__init__(config)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to Core, which ends its parts in order."""
        yield

    async def run_on(self, listener: socket.socket) -> None:
        """Serve until told to end."""
        await self.serve(sockets=[listener])
