"""A gateway that lets another model answer says so in a header."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Iterator

import openai
import pytest

from runtime import Arc
from telemetry.receiver import Receiver

CHUNK = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "created": 1,
    "model": "gpt-4.1",
    "choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}],
}
REPLY = {
    **CHUNK,
    "object": "chat.completion",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}
    ],
}


class Gateway(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        streams = request.get("stream")
        body = f"data: {json.dumps(CHUNK)}\n\ndata: [DONE]\n\n" if streams else json.dumps(REPLY)
        self.send_response(200)
        self.send_header("content-type", "text/event-stream" if streams else "application/json")
        self.send_header("content-length", str(len(body)))
        self.send_header("x-ms-served-model", "gpt-4.1-mini-2025-04-14")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def gateway() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Gateway) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        server.shutdown()


def test_the_model_that_has_answered_is_told(arc: Arc, receiver: Receiver, gateway: str) -> None:
    """Of streams and raw responses; a plain reply comes without its headers."""
    request: Any = {"model": "router", "messages": [{"role": "user", "content": "Hi"}]}
    with openai.OpenAI(base_url=gateway, api_key="k") as client:
        completions = client.chat.completions
        stream = completions.create(**request, stream=True)
        assert [chunk.choices[0].delta.content for chunk in stream] == ["Hi"]
        assert completions.with_raw_response.create(**request).parse().model == "gpt-4.1"
        assert completions.create(**request).model == "gpt-4.1"
    assert arc.flush(10)
    told = [
        {each.key: each.value.string_value for each in span.attributes}["gen_ai.response.model"]
        for span in receiver.spans
    ]
    assert told == ["gpt-4.1-mini-2025-04-14", "gpt-4.1-mini-2025-04-14", "gpt-4.1"]
