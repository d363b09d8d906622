"""A chat API for application processes: answers everything, and tells what it was sent."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Provider:
    """Its answers have ids that no other answer has; requests are kept in their order."""

    def __init__(self) -> None:
        self.issued: list[str] = []
        self.requests: list[dict[str, Any]] = []
        self._numbers = itertools.count(1)
        self._news = threading.Condition()
        self.url = ""

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        with self._news:
            made = f"chatcmpl-{next(self._numbers)}"
            self.issued.append(made)
            self.requests.append(request)
            self._news.notify_all()
        message = {"role": "assistant", "content": "Yes."}
        return {
            "id": made,
            "object": "chat.completion",
            "created": 1,
            "model": request["model"],
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        }

    def wait_for(self, holds: Callable[[list[dict[str, Any]]], bool], timeout_s: float) -> None:
        """Return once `holds` of the requests so far; fail after the timeout."""
        with self._news:
            assert self._news.wait_for(lambda: holds(self.requests), timeout_s), self.requests[-9:]

    def wait_for_more(self, count: int, timeout_s: float = 60) -> None:
        """Return once so many further requests have been answered."""
        enough = len(self.requests) + count
        self.wait_for(lambda requests: len(requests) >= enough, timeout_s)


@contextmanager
def provider() -> Iterator[Provider]:
    """Serve on a free port of loopback."""
    made = Provider()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["content-length"])))
            body = json.dumps(made.answer(request)).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Say nothing of clients that were killed."""

    server = Server(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
