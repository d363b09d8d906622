"""Certificates of both ports, read and checked before a port is opened."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from arc_core.config import SettingError, Settings

if TYPE_CHECKING:
    import grpc


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
