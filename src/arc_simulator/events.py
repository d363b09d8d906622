"""Server-sent events."""

from __future__ import annotations

from typing import Any

from arc_simulator.answers import encode

DONE = b"data: [DONE]\n\n"
"""How most streams of the OpenAI API end."""


def event(data: Any, name: str | None = None) -> bytes:
    """Write one event, with its name if it has one."""
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + encode(data) + b"\n\n"
