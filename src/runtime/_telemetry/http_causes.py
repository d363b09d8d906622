"""Says in words why a receiver is not reachable by HTTP, by what Python raises."""

from __future__ import annotations

import http.client
import socket
import ssl

from runtime._endpoint import Endpoint
from runtime._telemetry import causes

_NOT_HTTP = (
    "it does not speak HTTP: OTLP/HTTP is on port 4318 by convention, Arc Core's on 8050; "
    "for OTLP/gRPC write grpc://"
)
_EXPIRED, _NOT_YET, _WRONG_NAME = 10, 9, 62  # of OpenSSL's X509_V_ERR_*
_BY_CODE = {
    _EXPIRED: causes.EXPIRED,
    _NOT_YET: causes.NOT_YET_VALID,
    _WRONG_NAME: causes.WRONG_NAME,
}
_TLS_ALERT = "\x15\x03"
"""How a record begins with which a receiver under TLS answers clear text."""


def cause(problem: Exception, endpoint: Endpoint, *, with_certificate: bool) -> str:
    """Return what is wrong and what to do."""
    if isinstance(problem, ssl.SSLCertVerificationError):
        return _BY_CODE.get(problem.verify_code, causes.UNTRUSTED)
    if isinstance(problem, ssl.SSLError):
        if problem.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
            return (
                f"it does not speak TLS: write {endpoint.unsecured} if clear text is what you want"
            )
        if "ALERT" in (problem.reason or ""):
            return causes.of_a_closed_connection(with_certificate=with_certificate)
        return f"TLS fails: {problem.reason or problem}"
    if isinstance(problem, socket.gaierror):
        return causes.UNKNOWN_NAME
    if isinstance(problem, (socket.timeout, TimeoutError)):
        return "it does not answer in time"
    if isinstance(problem, ConnectionRefusedError):
        return causes.NOBODY
    if isinstance(problem, ConnectionError):
        if endpoint.tls:
            return causes.of_a_closed_connection(with_certificate=with_certificate)
        return (
            "it ends the connection, as one does that wants TLS or speaks gRPC: write "
            f"{endpoint.secured}, or grpc:// and its port for OTLP/gRPC"
        )
    if isinstance(problem, http.client.HTTPException):
        return (
            f"it wants TLS: write {endpoint.secured}" if _TLS_ALERT in str(problem) else _NOT_HTTP
        )
    return str(problem) or type(problem).__name__
