"""The gRPC service `arc.v1.PatternSync`, without generated code that depends on gRPC's version.

gRPC is imported when a stub or a handler is made, not before.
"""

from __future__ import annotations

from typing import Any, Callable, Iterator, Sequence, Tuple

from arc_protocol.wire.sync_pb2 import FromCore, FromRuntime

SERVICE = "arc.v1.PatternSync"
SYNC = "Sync"

LANGUAGE_VERSION = 1
"""Version of the pattern language that this package understands."""

MAX_ENTRIES = 20_000
"""A set with more patterns is refused whole."""

MAX_SET_BYTES = 32 * 1024 * 1024
"""A longer message of Core is refused."""

MAX_REPORT_BYTES = 4 * 1024 * 1024
"""A longer message of a Runtime is refused; with all of a set's patterns refused it is shorter."""

MAX_REASON = 300
"""Characters of a reason; what is beyond them is cut off."""


def call(channel: Any, messages: Iterator[FromRuntime], metadata: Sequence[Tuple[str, str]]) -> Any:
    """Open the stream over a channel of gRPC; iterating over the result yields `FromCore`."""
    return channel.stream_stream(
        f"/{SERVICE}/{SYNC}",
        request_serializer=FromRuntime.SerializeToString,
        response_deserializer=FromCore.FromString,
    )(messages, metadata=metadata)


def handler(sync: Callable[[Any, Any], Any]) -> Any:
    """Make the handler that a gRPC server, or one of grpc.aio, adds with add_generic_rpc_handlers.

    `sync` gets and gives messages as bytes: one set is encoded once for all streams, and bytes that
    are no message are its own to refuse.
    """
    import grpc

    return grpc.method_handlers_generic_handler(
        SERVICE, {SYNC: grpc.stream_stream_rpc_method_handler(sync)}
    )
