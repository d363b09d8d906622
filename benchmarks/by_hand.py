"""What a program with one rule would do by hand in front of each call: Arc can hardly cost less."""

from __future__ import annotations

import copy
from collections import deque
from typing import Any, Callable


def match_copy_append(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap the SDK's `request`: match one rule, copy and fix what it concerns, keep a record."""
    records: deque[Any] = deque(maxlen=10_000)

    def request(client: Any, cast_to: Any, options: Any, **kwargs: Any) -> Any:
        fixed = _fixed(options)
        reply = original(client, cast_to, fixed, **kwargs)
        records.append((options.json_data, fixed.json_data, reply))
        return reply

    return request


def match_copy_append_async(original: Callable[..., Any]) -> Callable[..., Any]:
    """Do the same in front of an asynchronous client."""
    records: deque[Any] = deque(maxlen=10_000)

    async def request(client: Any, cast_to: Any, options: Any, **kwargs: Any) -> Any:
        fixed = _fixed(options)
        reply = await original(client, cast_to, fixed, **kwargs)
        records.append((options.json_data, fixed.json_data, reply))
        return reply

    return request


def _fixed(options: Any) -> Any:
    body = options.json_data
    if body.get("model") == "gpt-4.1" and body.get("temperature", 0) > 0.9:
        options = copy.copy(options)
        options.__dict__["json_data"] = {**body, "temperature": 0.7}
    return options
