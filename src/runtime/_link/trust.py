"""Whether a pattern set comes from the holder of the key that this Runtime was told to trust."""

from __future__ import annotations

from typing import NamedTuple, Optional

from arc_protocol.wire import signatures
from runtime._link.holding import SetId, SetRefusedError, Signed


class Signature(NamedTuple):
    """What came with a set."""

    key: str
    """The public key, as `ARC_TRUSTED_KEY` names it."""
    ed25519: bytes
    at_ms: int
    """Unix time of the signature, in ms."""


def check(
    trusted: Optional[str],
    offered: SetId,
    signature: Optional[Signature],
    newest: Optional[Signed],
) -> Optional[Signed]:
    """Return what is to be remembered of a set that may be taken; None where no key is trusted.

    Raises `SetRefusedError` for a set without a signature of the trusted key, and for one that is
    older than the newest taken: who can replay old sets could bring back what was withdrawn.
    """
    if trusted is None:
        return None
    if signature is None:
        raise SetRefusedError("it is not signed, and ARC_TRUSTED_KEY demands it")
    if signature.key != trusted:
        raise SetRefusedError(
            f"it is signed by {signature.key[:80]}, and ARC_TRUSTED_KEY is {trusted}"
        )
    _verify(trusted, offered, signature)
    signed = Signed(trusted, offered.epoch, offered.version, signature.at_ms)
    if newest is not None and newest.key == trusted and signed.precedes(newest):
        raise SetRefusedError(
            f"it is older than version {newest.version}, which has been taken from the same key"
        )
    return signed


def _verify(trusted: str, offered: SetId, signature: Signature) -> None:
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        raise SetRefusedError(
            'ARC_TRUSTED_KEY needs a package more: pip install "arc-runtime[signing]"'
        ) from None
    statement = signatures.statement(*offered, signature.at_ms)
    key = Ed25519PublicKey.from_public_bytes(signatures.read_key(trusted))
    try:
        key.verify(signature.ed25519, statement)
    except InvalidSignature:
        raise SetRefusedError("its signature does not fit") from None
