"""Certificates of both ports, read and checked before a port is opened."""

from __future__ import annotations

import contextlib
import logging
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from arc_core.config import SettingError, Settings

if TYPE_CHECKING:
    import grpc

_logger = logging.getLogger("arc.core")


def check(settings: Settings) -> None:
    """Raise `SettingError` when the files do not make a certificate, its key and authorities."""
    if settings.tls_cert is None or settings.tls_key is None:
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except ssl.SSLError as problem:
        reason = problem.reason or "no PEM"
        raise SettingError(
            f"--tls-cert {settings.tls_cert} and --tls-key {settings.tls_key} "
            f"are not a certificate and its key ({reason}); give PEM files that belong together."
        ) from None
    if settings.tls_client_ca is not None:
        try:
            context.load_verify_locations(settings.tls_client_ca)
        except ssl.SSLError:
            raise SettingError(
                f"--tls-client-ca {settings.tls_client_ca} holds no certificate in PEM form."
            ) from None


def warning(settings: Settings) -> str | None:
    """Say in a sentence that clients will refuse the certificate for its dates; None if not."""
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    why = _DATES.get(_verification(settings.tls_cert, settings.tls_key))
    if why is None:
        return None
    return f"the certificate {settings.tls_cert} {why}: Runtimes refuse it"


_DATES = {10: "has expired", 9: "is not valid yet (compare the clocks)"}
"""By OpenSSL's codes of what a verification found."""


def _verification(cert: Path, key: Path) -> int:
    """Return OpenSSL's code for what a client that trusts the certificate finds wrong; 0: nothing.

    A handshake in memory, as the standard library reads no certificate.
    """
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(cert, key)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.load_verify_locations(cert)
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = (
        client.wrap_bio(to_client, to_server),
        server.wrap_bio(to_server, to_client, server_side=True),
    )
    try:
        for side in sides * 2:
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
    except ssl.SSLCertVerificationError as problem:
        return problem.verify_code
    return 0


class LoggedHandshake(ssl.SSLObject):
    """A connection to the HTTP port that says in the log why no TLS came about."""

    def do_handshake(self) -> None:
        """Agree with the client on keys."""
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as problem:
            reason = problem.reason or "no reason given"
            _logger.warning(
                "A client got no TLS connection to the HTTP port: %s.",
                _HANDSHAKES.get(reason, reason),
            )
            raise


_HANDSHAKES = {
    "HTTP_REQUEST": "it spoke clear text; its address has to begin with https://",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "it showed no certificate; --tls-client-ca demands one",
    "CERTIFICATE_VERIFY_FAILED": "its certificate is not of --tls-client-ca, or has expired",
    "TLSV1_ALERT_UNKNOWN_CA": "it does not trust the certificate of --tls-cert",
    "SSLV3_ALERT_BAD_CERTIFICATE": "it does not take the certificate of --tls-cert",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "it does not take the certificate of --tls-cert",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "it says that the certificate of --tls-cert has expired",
}
"""What OpenSSL's reasons mean here."""


def grpc_credentials(settings: Settings) -> grpc.ServerCredentials | None:
    """Return the credentials of the gRPC port; None for clear text."""
    import grpc

    if settings.tls_cert is None or settings.tls_key is None:
        return None
    clients = settings.tls_client_ca
    return grpc.ssl_server_credentials(
        [(settings.tls_key.read_bytes(), settings.tls_cert.read_bytes())],
        root_certificates=None if clients is None else clients.read_bytes(),
        require_client_auth=clients is not None,
    )


def http_options(settings: Settings) -> dict[str, object]:
    """Return uvicorn's options for the HTTP port."""
    if settings.tls_cert is None:
        return {}
    options: dict[str, object] = {
        "ssl_certfile": str(settings.tls_cert),
        "ssl_keyfile": str(settings.tls_key),
    }
    if settings.tls_client_ca is not None:
        options.update(
            ssl_ca_certs=str(settings.tls_client_ca), ssl_cert_reqs=int(ssl.CERT_REQUIRED)
        )
    return options
