"""The OpenAI SDK with its network call replaced by a stub, so that only what is on top is timed."""

from __future__ import annotations

from typing import Any

import openai
from openai import _base_client
from openai.types.chat import ChatCompletion, ChatCompletionChunk

REPLY = ChatCompletion.model_validate(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4.1-2025-04-14",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": "Hello."},
            }
        ],
        "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11},
    }
)
CHUNK = ChatCompletionChunk.model_validate(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "gpt-4.1-2025-04-14",
        "choices": [{"index": 0, "finish_reason": None, "delta": {"content": "Hello"}}],
    }
)
CHUNKS = 50


def request(
    self: Any, cast_to: Any, options: Any, *, stream: bool = False, stream_cls: Any = None
) -> Any:
    """Return a ready reply, or a stream over ready chunks, without touching the network."""
    if not stream:
        return REPLY
    made = object.__new__(getattr(stream_cls, "__origin__", stream_cls))
    made.response = None
    made._iterator = made.__stream__()
    return made


def ready_chunks(self: Any) -> Any:
    """Stand in for the decoding of a stream."""
    for _ in range(CHUNKS):
        yield CHUNK


def install() -> openai.OpenAI:
    """Replace the SDK's request and stream decoding; return a client."""
    _base_client.SyncAPIClient.request = request  # type: ignore[method-assign,assignment]
    openai.Stream.__stream__ = ready_chunks  # type: ignore[method-assign]
    return client()


def client() -> openai.OpenAI:
    """Return a client of the provider's own address."""
    return openai.OpenAI(api_key="benchmark")


def options(**parameters: Any) -> Any:
    """Return the request options that the SDK makes for a chat completion."""
    body = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "Hi"}], **parameters}
    return _base_client.FinalRequestOptions.construct(
        method="post", url="/chat/completions", json_data=body
    )
