"""A request with spans as it is sent, kept, and sent again."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Tuple

if TYPE_CHECKING:
    from runtime._telemetry.spool_files import Name

SPANS_LIMIT = 512
BATCH_LIMIT = 3_500_000
"""Bytes; gRPC servers take 4 MiB by default."""


class Batch(NamedTuple):
    """A serialised `ExportTraceServiceRequest`; retries send the very same bytes."""

    payload: bytes
    spans: int
    files: Tuple[Name, ...] = ()
    """Where it is on disk, when it is from there."""
