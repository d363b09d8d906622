"""What a signature of a pattern set says, and how keys are written; Ed25519, RFC 8032."""

from __future__ import annotations

import base64
import json

_PREFIX = "ed25519:"
_KEY_BYTES = 32


def statement(epoch: str, version: int, digest: str, signed_at_unix_ms: int) -> bytes:
    """Return the bytes that are signed: which set, and when.

    The digest covers every pattern, so this covers the whole set. The first line keeps a signature
    from meaning anything else.
    """
    said = json.dumps([epoch, version, digest, signed_at_unix_ms], separators=(",", ":"))
    return f"arc.v1.PatternSet\n{said}".encode("ascii")


def write_key(public: bytes) -> str:
    """Return a public key of 32 bytes as people pass it on."""
    return _PREFIX + base64.b64encode(public).decode("ascii")


def read_key(text: str) -> bytes:
    """Return the 32 bytes of a public key; raises `ValueError` that says what to write."""
    if text.startswith(_PREFIX):
        try:
            public = base64.b64decode(text[len(_PREFIX) :], validate=True)
        except ValueError:
            public = b""
        if len(public) == _KEY_BYTES:
            return public
    raise ValueError(f"write {_PREFIX} and 32 bytes in base64, as `arc keys signing-key` shows it")
