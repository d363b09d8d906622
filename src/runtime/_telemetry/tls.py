"""The PEM files for TLS, looked at before gRPC gets them."""

from __future__ import annotations

import contextlib
import ssl
from pathlib import Path
from typing import NamedTuple, Optional, Tuple

Pem = Optional[bytes]


class TlsFiles(NamedTuple):
    """Paths of PEM files; None where gRPC's own default shall serve."""

    ca: Optional[str] = None
    cert: Optional[str] = None
    key: Optional[str] = None


class TlsFileError(Exception):
    """A file cannot be used; its message says which one, why, and what to do."""


def read(files: TlsFiles) -> Tuple[Pem, Pem, Pem]:
    """Return what the files for authorities, key and certificate chain hold.

    Raises `TlsFileError` for everything that gRPC would not take: it ends the whole process when
    it is given a certificate without a key, and hides every other fault behind UNAVAILABLE.
    """
    if bool(files.cert) != bool(files.key):
        there, missing = ("CERT", "KEY") if files.cert else ("KEY", "CERT")
        raise TlsFileError(
            f"ARC_TLS_{there} is set without ARC_TLS_{missing}: a client certificate takes both"
        )
    contents = (
        _content("ARC_TLS_CA", files.ca),
        _content("ARC_TLS_KEY", files.key),
        _content("ARC_TLS_CERT", files.cert),
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with contextlib.suppress(ssl.SSLError):  # LibreSSL has no levels
        context.set_ciphers("DEFAULT:@SECLEVEL=0")  # how strong a key must be, the receiver says
    if files.ca:
        try:
            context.load_verify_locations(files.ca)
        except (ssl.SSLError, ValueError) as problem:
            raise TlsFileError(
                f"{files.ca} (ARC_TLS_CA) holds no certificate in PEM form"
            ) from problem
    if files.cert and files.key:
        try:
            context.load_cert_chain(files.cert, files.key, password=_no_password)
        except (ssl.SSLError, ValueError) as problem:
            raise TlsFileError(
                f"{files.cert} (ARC_TLS_CERT) and {files.key} (ARC_TLS_KEY) must be a certificate "
                "and its own key without a password, both in PEM form"
            ) from problem
    return contents


def _content(env: str, path: Optional[str]) -> Pem:
    if not path:
        return None
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as problem:
        why = getattr(problem, "strerror", None) or problem
        raise TlsFileError(f"{path} ({env}) cannot be read: {why}") from problem


def _no_password() -> str:
    # without this, OpenSSL asks on the application's terminal and waits
    return ""
