"""Says in words why a receiver is not reachable, by what gRPC reports."""

from __future__ import annotations

from typing import Tuple

from runtime._endpoint import Endpoint

WRONG_NAME = "its certificate is for another name: write the name that the certificate has"
_AUTHORITY = (
    "not from an authority that Arc trusts: name the PEM file of its authority in ARC_TLS_CA"
)
UNTRUSTED = f"its certificate is {_AUTHORITY}"
_NOT_GRPC = (
    "it does not speak gRPC: OTLP/gRPC is on port 4317 by convention; for OTLP/HTTP write http://"
)
UNKNOWN_NAME = "its name is not known: look for a typing error"
EXPIRED = "its certificate has expired: renew it there"
NOT_YET_VALID = "its certificate is not valid yet: compare the clocks"
NOBODY = "nobody listens there"
_CAUSES: Tuple[Tuple[str, str], ...] = (
    ("certificate has expired", EXPIRED),
    ("certificate is not yet valid", NOT_YET_VALID),
    ("Hostname Verification", WRONG_NAME),
    ("is not in peer certificate", WRONG_NAME),
    ("VERIFY_FAILED: unable to get", UNTRUSTED),
    ("VERIFY_FAILED: self", UNTRUSTED),
    # gRPC 1.62 does not say why, 1.70 does
    ("VERIFY_FAILED", f"its certificate has expired, or is {_AUTHORITY}"),
    ("WRONG_VERSION_NUMBER", "it does not speak TLS: write grpc:// if clear text is what you want"),
    ("selected ALPN", _NOT_GRPC),
    ("parsing HTTP/2", _NOT_GRPC),
    ("http1.x", _NOT_GRPC),
    ("DNS resolution failed", UNKNOWN_NAME),
    ("name not found", UNKNOWN_NAME),
    ("onnection refused", NOBODY),
)
"""What stands in gRPC's details, over its versions, and what it means."""


def cause(code: str, details: str, endpoint: Endpoint, *, with_certificate: bool) -> str:
    """Return what is wrong and what to do; gRPC's status code where nobody knows."""
    for found, meaning in _CAUSES:
        if found in details:
            return meaning
    if "_ALERT_" in details or (endpoint.tls and _closed_at_once(details)):
        return of_a_closed_connection(with_certificate=with_certificate)
    if _closed_at_once(details):
        return (
            f"it ends the connection, as one does that wants TLS: write grpcs://{endpoint.address}"
        )
    return code


def of_a_closed_connection(*, with_certificate: bool) -> str:
    """Return what it means that a receiver under TLS has ended the connection."""
    if with_certificate:
        return (
            "it ends the connection, as one does that refuses the client's certificate: "
            "look at the one in ARC_TLS_CERT"
        )
    return (
        "it ends the connection, as one does that wants a client certificate: "
        "set ARC_TLS_CERT and ARC_TLS_KEY"
    )


def _closed_at_once(details: str) -> bool:
    # later, when a receiver stops during a request, gRPC leaves out the first words
    return details.startswith("failed to connect") and (
        "Socket closed" in details or "reset by peer" in details
    )
