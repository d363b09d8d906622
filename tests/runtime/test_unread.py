"""What the caller has not read, Arc has not read either."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Iterator

import openai
import pytest

import sdk_features
from runtime import Arc
from runtime_shapes import RISKY


def chunk(text: str) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    document = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4.1"}
    return b"data: " + json.dumps({**document, "choices": [choice]}).encode() + b"\n\n"


class Halting(ThreadingHTTPServer):
    """Streams one chunk, and the rest when it is told to."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.go_on = threading.Event()
        self.base_url = f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Answer(BaseHTTPRequestHandler):
    server: Halting

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        self.wfile.write(chunk("first"))
        self.wfile.flush()
        self.server.go_on.wait(20)
        self.wfile.write(chunk("second") + b"data: [DONE]\n\n")

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def halting() -> Iterator[Halting]:
    with Halting() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.go_on.set()
        server.shutdown()


def test_chunk_is_there_before_the_next_one_was_sent(arc: Arc, halting: Halting) -> None:
    """A person sees the first words at once, however long the rest takes."""
    with openai.OpenAI(base_url=halting.base_url, api_key="k", max_retries=0, timeout=10) as client:
        stream = client.chat.completions.create(**RISKY, stream=True)
        assert next(stream).choices[0].delta.content == "first"
        halting.go_on.set()
        assert [each.choices[0].delta.content for each in stream] == ["second"]


def test_raw_response_of_a_stream_is_left_for_the_caller(arc: Arc, client: openai.OpenAI) -> None:
    """Telemetry of the call is sent, and its body still waits."""
    raw = client.chat.completions.with_raw_response.create(**RISKY, stream=True)
    assert arc.flush(10)
    assert not raw.http_response.is_stream_consumed
    assert list(raw.parse())


@pytest.mark.skipif(not sdk_features.STREAMING_RESPONSE, reason="this SDK has none")
def test_streaming_response_is_left_for_the_caller(arc: Arc, client: openai.OpenAI) -> None:
    """Who asks for the body in pieces finds all of it there."""
    with client.chat.completions.with_streaming_response.create(**RISKY) as response:
        assert arc.flush(10)
        assert not response.http_response.is_stream_consumed
        assert json.loads(b"".join(response.iter_bytes()))["choices"]
