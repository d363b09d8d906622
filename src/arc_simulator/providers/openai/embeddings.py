"""Embeddings: vectors of length one, the same for the same text."""

from __future__ import annotations

import base64
import functools
import json
import math
import random
import struct
from typing import Any

from arc_simulator.provider import Call, Endpoint
from arc_simulator.providers.openai.errors import require
from arc_simulator.tokens import count_tokens

_DIMENSIONS = {"text-embedding-3-large": 3072}
DEFAULT_DIMENSIONS = 1536


def reply(call: Call) -> dict[str, Any]:
    """Embed every input of a request."""
    body = call.body
    require(body, "input")
    given = body["input"]
    # a list of numbers is one input that is already cut into tokens
    is_batch = isinstance(given, list) and not all(isinstance(part, int) for part in given)
    inputs = given if is_batch else [given]
    dimensions = body.get("dimensions")
    if type(dimensions) is not int or dimensions < 1:
        dimensions = _DIMENSIONS.get(body["model"], DEFAULT_DIMENSIONS)
    encode = _to_base64 if body.get("encoding_format") == "base64" else list
    tokens = count_tokens(given)
    return {
        "object": "list",
        "data": [
            {
                "object": "embedding",
                "index": index,
                "embedding": encode(_vector(json.dumps(value), dimensions)),
            }
            for index, value in enumerate(inputs)
        ],
        "model": body["model"],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


@functools.lru_cache(maxsize=256)
def _vector(text: str, dimensions: int) -> tuple[float, ...]:
    source = random.Random(text)
    raw = [source.uniform(-1, 1) for _ in range(dimensions)]
    length = math.sqrt(sum(value * value for value in raw))
    return tuple(value / length for value in raw)


def _to_base64(vector: tuple[float, ...]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")


ENDPOINT = Endpoint(name="openai.embeddings", method="POST", path="/embeddings", reply=reply)
