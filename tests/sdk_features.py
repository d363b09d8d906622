"""What the installed OpenAI SDK can do, asked of the SDK itself and never of its version."""

from __future__ import annotations

import importlib
import importlib.util
import inspect

import openai
from openai import _base_client

_COMPLETIONS = openai.resources.chat.completions.Completions
_BETA = getattr(openai.resources, "Beta", None)

STREAMS_CLOSE = hasattr(openai.Stream, "close")
"""Streams have `close` and can head a `with` block."""
STREAMING_RESPONSE = hasattr(_COMPLETIONS, "with_streaming_response")
PARSE = hasattr(_COMPLETIONS, "parse")
STREAM_HELPER = hasattr(_COMPLETIONS, "stream")
BETA_CHAT = hasattr(_BETA, "chat")
"""`parse` and `stream` where they were before they were part of `chat.completions`."""
RESPONSES = importlib.util.find_spec("openai.resources.responses") is not None
STREAMED_RETRIEVE = (
    RESPONSES
    and "stream"
    in inspect.signature(
        importlib.import_module("openai.resources.responses").Responses.retrieve
    ).parameters
)
SPEECH = hasattr(openai.resources.audio, "Speech")
RETRY_COUNT = "x-stainless-retry-count" in inspect.getsource(_base_client)
"""The SDK says in its requests how often it has tried before."""
