"""A set of patterns as it goes to all Runtimes of a project: encoded once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from arc_core.registry.published import PublishedSet
from arc_protocol.wire import digests
from arc_protocol.wire.sync_pb2 import Current, Entry, FromCore, PatternSet, SetId

if TYPE_CHECKING:
    from arc_core.sync.signing import SigningKey


class Publication(NamedTuple):
    """One version of a project's set, in the messages that tell of it."""

    set: SetId
    whole: bytes
    """The message with all patterns."""
    current: bytes
    """The message for a Runtime that has them."""


def publish(published: PublishedSet, signing_key: SigningKey | None = None) -> Publication:
    """Encode a set, signed if there is a key."""
    entries = []
    for entry in published.entries:
        document = digests.canonical(entry.document)
        entries.append(
            Entry(
                name=entry.name,
                revision=entry.revision,
                digest=digests.of_document(document),
                document_json=document,
            )
        )
    digest = digests.of_set((entry.name, entry.revision, entry.digest) for entry in entries)
    of = SetId(epoch=published.epoch, version=published.version, digest=digest)
    signature = None if signing_key is None else signing_key.sign(of)
    return Publication(
        of,
        FromCore(
            pattern_set=PatternSet(set=of, entries=entries, signature=signature)
        ).SerializeToString(),
        FromCore(current=Current(set=of)).SerializeToString(),
    )
