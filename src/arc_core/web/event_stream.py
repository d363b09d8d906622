"""Server-sent events, as the HTML standard has them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

from starlette.responses import StreamingResponse

EVENT_STREAM = "text/event-stream"


def event(name: str, value: Any) -> str:
    """Return one event with JSON as its data."""
    # ASCII, as patterns may hold single surrogates, which UTF-8 cannot
    return f"event: {name}\ndata: {json.dumps(value, separators=(',', ':'))}\n\n"


def event_stream(events: AsyncIterator[str] | Iterator[str]) -> StreamingResponse:
    """Return an answer of events, each sent as it comes; what does not await runs in a thread."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(events, media_type=EVENT_STREAM, headers=headers)
