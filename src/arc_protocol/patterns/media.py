"""Images in requests: what their first bytes say that they are."""

from __future__ import annotations

import base64
import binascii
from typing import Optional

from arc_protocol.patterns.values import MAPPING

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
)


def sniff(data: str) -> Optional[str]:
    """Return the media type of a base64 image by its first bytes, or None if they say nothing."""
    try:
        head = base64.b64decode(data[:24], validate=True)
    except (binascii.Error, ValueError):
        return None
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return next((media_type for magic, media_type in _MAGIC if head.startswith(magic)), None)


def actual_media_type(block: object) -> Optional[str]:
    """Return what an image block really holds, or None if that is what it says."""
    source = block.get("source") if isinstance(block, MAPPING) else None
    if not isinstance(source, MAPPING) or not isinstance(source.get("data"), str):
        return None
    found = sniff(source["data"])
    return None if found == source.get("media_type") else found
