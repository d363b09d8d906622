"""Core's own key: it signs each pattern set, so that Runtimes need not trust who delivers it."""

from __future__ import annotations

import time
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from arc_protocol.wire import signatures
from arc_protocol.wire.sync_pb2 import SetId, Signature


class SigningKey:
    """An Ed25519 key pair."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = signatures.write_key(private.public_key().public_bytes_raw())
        """As Runtimes take it, `ed25519:...`."""

    @classmethod
    def read(cls, path: Path) -> SigningKey:
        """Read a private key in PEM form; raises `ValueError` with what is wrong."""
        try:
            private = load_pem_private_key(path.read_bytes(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it has a password
            private = None
        if not isinstance(private, Ed25519PrivateKey):
            raise ValueError(
                "it is no Ed25519 private key in PEM form without a password; "
                "make one with `arc keys signing-key FILE`"
            )
        return cls(private)

    def sign(self, of: SetId) -> Signature:
        """Say that this set is the one in force now."""
        now_ms = int(time.time() * 1000)
        statement = signatures.statement(of.epoch, of.version, of.digest, now_ms)
        return Signature(
            key=self.public, ed25519=self._private.sign(statement), signed_at_unix_ms=now_ms
        )
