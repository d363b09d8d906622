"""Answers scrapes of Prometheus, without ever holding up the application."""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import threading
from socketserver import TCPServer
from typing import Any, Callable, Optional
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

_logger = logging.getLogger("arc")

_PORTS_TRIED = 20
_CLIENT_WAIT_S = 2.0
"""A client that connects and stays silent keeps others waiting for so long."""
_SCRAPE_END_S = 0.2
_STOP_WAIT_S = 1.0


class MetricsServer:
    """Serves /metrics on this machine's loopback address, on the next free port."""

    def __init__(self, app: Callable[..., Any], port: int) -> None:
        self._app = app
        self._wanted = port
        self._server: Optional[_Server] = None
        self._thread: Optional[threading.Thread] = None
        self.port = 0
        """Where it listens; 0 when no port was free."""

    def start(self) -> None:
        """Bind and serve on a daemon thread; says once when another port had to be taken."""
        last = min(65535, self._wanted + _PORTS_TRIED)
        for port in range(self._wanted, last + 1):
            try:
                server = make_server("127.0.0.1", port, self._app, _Server, _Connection)
            except OSError:
                continue
            self.port = port
            self._server = server
            self._wake, woken = socket.socketpair()
            self._thread = threading.Thread(
                target=_serve, args=(server, woken), name="arc-metrics", daemon=True
            )
            self._thread.start()
            break
        if self.port != self._wanted:
            _logger.warning(
                "Port %d is taken, so the metrics of Arc are %s; "
                "ARC_METRICS_PORT chooses another port, 0 turns them off.",
                self._wanted,
                f"at http://localhost:{self.port}/metrics"
                if self.port
                else f"not served: no port up to {last} is free",
            )

    def stop(self) -> None:
        """Stop listening and end the thread; a client that keeps us waiting is hung up on."""
        if self._server is not None and self._thread is not None:
            self._wake.send(b"\0")
            self._wake.close()
            self._thread.join(_SCRAPE_END_S)
            self._server.hang_up()
            self._thread.join(_STOP_WAIT_S)
            self._server.server_close()
            self._server = self._thread = None


def _serve(server: _Server, woken: socket.socket) -> None:
    # unlike serve_forever this does not look twice a second, which `stop` would have to wait for
    with woken, selectors.DefaultSelector() as ready:
        ready.register(server, selectors.EVENT_READ)
        ready.register(woken, selectors.EVENT_READ)
        while True:
            if any(key.fileobj is woken for key, _ in ready.select()):
                return
            server.handle_request()


class _Server(WSGIServer):
    timeout = 0  # it is asked only when somebody has connected

    def server_bind(self) -> None:
        # without the look-up of the machine's name that the standard library does here
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", self.server_address[1]
        self.setup_environ()
        self.socket.settimeout(0)  # a client may have gone again
        self._connection: Optional[socket.socket] = None

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connection = request
        super().process_request(request, client_address)

    def hang_up(self) -> None:
        """End the conversation with a client that keeps us waiting."""
        if self._connection is not None:
            with contextlib.suppress(OSError):  # it has ended already
                self._connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Leave the application's stderr alone when a client has gone."""


class _Connection(WSGIRequestHandler):
    timeout = _CLIENT_WAIT_S

    def log_message(self, *_arguments: Any) -> None:
        """Leave the application's stderr alone."""
