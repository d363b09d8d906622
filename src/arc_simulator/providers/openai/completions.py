"""Legacy completions of a prompt."""

from __future__ import annotations

import time
import uuid
from typing import Any

from arc_simulator.events import DONE, event
from arc_simulator.provider import Call, Endpoint
from arc_simulator.providers.openai.chat import error_event
from arc_simulator.providers.openai.errors import require
from arc_simulator.providers.openai.models import snapshot
from arc_simulator.providers.openai.writing import choose_text, pieces, token_limit, write
from arc_simulator.tokens import count_tokens

DEFAULT_LIMIT = 16
"""Tokens of a completion when the request names no limit."""


def reply(call: Call) -> dict[str, Any]:
    """Make a whole completion."""
    body = call.body
    require(body)
    prompt = body.get("prompt", "")
    is_batch = isinstance(prompt, list) and all(isinstance(part, str) for part in prompt)
    limit = token_limit(body, "max_tokens") or DEFAULT_LIMIT
    count = (len(prompt) if is_batch else 1) * (token_limit(body, "n") or 1)
    writing = write(call, text=choose_text(call, None), limit=limit, is_reasoning=False)
    choices = [
        {
            "index": index,
            "text": writing.text,
            "logprobs": None,
            "finish_reason": writing.finish_reason,
        }
        for index in range(count)
    ]
    prompt_tokens, tokens = count_tokens(prompt), count * writing.tokens
    return {
        "id": f"cmpl-{uuid.uuid4().hex[:29]}",
        "object": "text_completion",
        "created": int(time.time()),
        "model": snapshot(body["model"]),
        "choices": choices,
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": tokens,
            "total_tokens": prompt_tokens + tokens,
        },
    }


def events(call: Call, whole: dict[str, Any]) -> list[bytes]:
    """Cut a completion into the chunks of a stream."""
    envelope = {key: value for key, value in whole.items() if key not in ("choices", "usage")}
    chunks = []
    for choice in whole["choices"]:
        parts = pieces(choice["text"], call.space.settings.chunk_count) or [""]
        for number, part in enumerate(parts):
            is_last = number == len(parts) - 1
            reason = choice["finish_reason"] if is_last else None
            chunk_choice = {**choice, "text": part, "finish_reason": reason}
            chunks.append({**envelope, "choices": [chunk_choice]})
    options = call.body.get("stream_options")
    if isinstance(options, dict) and options.get("include_usage") is True:
        chunks.append({**envelope, "choices": [], "usage": whole["usage"]})
    return [*map(event, chunks), DONE]


ENDPOINT = Endpoint(
    name="openai.completions",
    method="POST",
    path="/completions",
    reply=reply,
    events=events,
    error_event=error_event,
)
