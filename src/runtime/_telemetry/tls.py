"""The PEM files for TLS, looked at before gRPC gets them."""

from __future__ import annotations

import contextlib
import ssl
from pathlib import Path
from typing import Any, List, NamedTuple, Optional, Tuple

Pem = Optional[bytes]


class TlsFiles(NamedTuple):
    """Paths of PEM files; None where the library's own default shall serve."""

    ca: Optional[str] = None
    cert: Optional[str] = None
    key: Optional[str] = None
    said_in: Tuple[str, str, str] = ("ARC_TLS_CA", "ARC_TLS_CERT", "ARC_TLS_KEY")
    """Variables by which people know them."""

    @classmethod
    def of(cls, settings: Any) -> TlsFiles:
        """Return those of the settings in force.

        Variables of OpenTelemetry, which may be meant for another receiver, count under TLS alone.
        """
        receiver = settings.receiver()
        paths: List[Optional[str]] = []
        names = list(cls().said_in)
        for place, name in enumerate(("tls_ca", "tls_cert", "tls_key")):
            path, source = settings.values[name], settings.sources[name]
            if source.startswith("OTEL_"):
                names[place] = source
                if receiver is None or not receiver.tls:
                    path = None
            paths.append(path)
        ca, cert, key = paths
        return cls(ca, cert, key, (names[0], names[1], names[2]))

    @property
    def given(self) -> bool:
        """Whether there are any."""
        return any((self.ca, self.cert, self.key))


class TlsFileError(Exception):
    """A file cannot be used; its message says which one, why, and what to do."""


def read(files: TlsFiles) -> Tuple[Pem, Pem, Pem]:
    """Return what the files for authorities, key and certificate chain hold.

    Raises `TlsFileError` for everything that gRPC would not take: it ends the whole process when
    it is given a certificate without a key, and hides every other fault behind UNAVAILABLE.
    """
    ca, cert, key = files.said_in
    if bool(files.cert) != bool(files.key):
        there, missing = (cert, key) if files.cert else (key, cert)
        raise TlsFileError(f"{there} is set without {missing}: a client certificate takes both")
    contents = (_content(ca, files.ca), _content(key, files.key), _content(cert, files.cert))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with contextlib.suppress(ssl.SSLError):  # LibreSSL has no levels
        context.set_ciphers("DEFAULT:@SECLEVEL=0")  # how strong a key must be, the receiver says
    if files.ca:
        try:
            context.load_verify_locations(files.ca)
        except (ssl.SSLError, ValueError) as problem:
            raise TlsFileError(f"{files.ca} ({ca}) holds no certificate in PEM form") from problem
    if files.cert and files.key:
        try:
            context.load_cert_chain(files.cert, files.key, password=_no_password)
        except (ssl.SSLError, ValueError) as problem:
            raise TlsFileError(
                f"{files.cert} ({cert}) and {files.key} ({key}) must be a certificate and its "
                "own key without a password, both in PEM form"
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
