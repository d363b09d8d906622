"""An HTTP proxy on loopback, through which one port is reached, whatever was asked for."""

from __future__ import annotations

import socket
import socketserver
import threading
from typing import List


class Tunnel(socketserver.ThreadingTCPServer):
    """A context manager; lets through to one port, or with 0 refuses."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.port = port
        self.asked: List[str] = []
        """First line of each request."""

    @property
    def url(self) -> str:
        """What to name in the environment."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> Tunnel:
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Connection(socketserver.StreamRequestHandler):
    server: Tunnel

    def handle(self) -> None:
        self.server.asked.append(self.rfile.readline().decode())
        while self.rfile.readline().strip():
            pass
        if not self.server.port:
            self.wfile.write(b"HTTP/1.1 403 Forbidden\r\n\r\n")
            return
        with socket.create_connection(("127.0.0.1", self.server.port)) as behind:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            back = threading.Thread(target=_pass_on, args=(behind, self.connection), daemon=True)
            back.start()
            _pass_on(self.connection, behind)
            back.join(10)


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    try:
        while True:
            data = source.recv(65536)
            target.sendall(data)
            if not data:
                target.shutdown(socket.SHUT_WR)
                return
    except OSError:
        return
