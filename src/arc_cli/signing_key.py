"""Makes the key pair with which Arc Core signs pattern sets."""

from __future__ import annotations

import os
from pathlib import Path

from arc_cli.core_client import CoreError
from arc_protocol.wire import signatures


def make(path: Path) -> str:
    """Write a private key to a new file that only its owner can read; return the public key.

    Raises `OSError`, also if the file exists, and `CoreError` on a base install.
    """
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    except ImportError as problem:
        raise CoreError(
            f'Making a key needs a package more ({problem}): pip install "arc-runtime[signing]".'
        ) from problem
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
    return signatures.write_key(
        private.public_key().public_bytes(
            serialization.Encoding.Raw, serialization.PublicFormat.Raw
        )
    )
