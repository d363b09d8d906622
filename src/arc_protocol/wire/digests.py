"""Digests by which both sides recognise patterns and sets; SHA-256 in hexadecimal."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Iterable, Mapping, Tuple


def canonical(document: Mapping[str, Any]) -> bytes:
    """Return the JSON of a document that is the same in every process and language."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return text.encode("ascii")


def of_document(document_json: bytes) -> str:
    """Return the digest of a document, given as the bytes that are sent."""
    return hashlib.sha256(document_json).hexdigest()


def of_set(entries: Iterable[Tuple[str, int, str]]) -> str:
    """Return the digest of a set, given as name, revision and digest of each entry in order.

    It is that of the JSON list of those lists, `[["name",1,"<digest>"],...]` in ASCII.
    """
    text = json.dumps([list(entry) for entry in entries], separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()
