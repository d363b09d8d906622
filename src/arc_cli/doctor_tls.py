"""Check of `arc doctor`: the TLS handshake, with the authorities that gRPC trusts."""

from __future__ import annotations

import os
import pkgutil
import socket
import ssl
import time
from typing import Any, Iterator

from arc_cli.doctor_finding import OK, PROBLEM, WARNING, Finding
from runtime._endpoint import Endpoint
from runtime._telemetry import tls as tls_files
from runtime._telemetry.tls import TlsFileError, TlsFiles

_SOON_DAYS = 14
_EXPIRED, _NOT_YET, _WRONG_NAME = 10, 9, 62  # of OpenSSL's X509_V_ERR_*
_DAY_S = 86400


def handshake(connection: socket.socket, receiver: Endpoint, settings: Any) -> Iterator[Finding]:
    """Shake hands over a connection, which is closed at the end."""
    files = TlsFiles.of(settings)
    try:
        authorities, _, _ = tls_files.read(files)
    except TlsFileError as problem:
        connection.close()
        yield Finding("tls", PROBLEM, str(problem))
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["h2"])
    context.load_verify_locations(cadata=(authorities or _grpcs_own()).decode("utf-8", "replace"))
    if files.cert:
        context.load_cert_chain(files.cert, files.key)
    try:
        with context.wrap_socket(connection, server_hostname=receiver.host) as secured:
            certificate: Any = secured.getpeercert()
            version, protocol = secured.version(), secured.selected_alpn_protocol()
    except ssl.SSLCertVerificationError as problem:
        yield _untrusted(problem, receiver)
        return
    except ssl.SSLError as problem:
        if problem.reason == "WRONG_VERSION_NUMBER":
            found = "it does not speak TLS"
            advice = f"write grpc://{receiver.address} if clear text is what you want"
        else:
            found, advice = f"the handshake fails: {problem.reason or problem}", ""
        yield Finding("tls", PROBLEM, found, advice)
        return
    except OSError as problem:
        yield Finding("tls", PROBLEM, f"the connection ends in the handshake: {problem}")
        return
    finally:
        connection.close()
    if protocol != "h2":
        yield Finding(
            "tls",
            PROBLEM,
            "it speaks TLS, but no gRPC",
            "OTLP/gRPC is on port 4317 by convention, Arc Core's on 50051",
        )
        return
    days = int((ssl.cert_time_to_seconds(certificate["notAfter"]) - time.time()) / _DAY_S)
    found = f"{version}, its certificate is trusted and valid for {days} day{'s' * (days != 1)}"
    if days < _SOON_DAYS:
        yield Finding("tls", WARNING, found, "renew it there")
    else:
        yield Finding("tls", OK, found)


def _grpcs_own() -> bytes:
    """Return what gRPC trusts where nothing else is named, which is not what the system trusts."""
    path = os.environ.get("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH")
    if path:
        with open(path, "rb") as file:
            return file.read()
    return pkgutil.get_data("grpc._cython", "_credentials/roots.pem") or b""


def _untrusted(problem: ssl.SSLCertVerificationError, receiver: Endpoint) -> Finding:
    words = problem.verify_message
    if problem.verify_code == _EXPIRED:
        return Finding("tls", PROBLEM, "its certificate has expired", "renew it there")
    if problem.verify_code == _NOT_YET:
        found, advice = "its certificate is not valid yet", "compare the clocks of both machines"
    elif problem.verify_code == _WRONG_NAME or "mismatch" in words:
        found = f"its certificate is for another name than {receiver.host}: {words}"
        advice = "write the name that the certificate has into ARC_ENDPOINT"
    else:
        found = f"its certificate is not from an authority that Arc trusts: {words}"
        advice = "name the PEM file of its authority in ARC_TLS_CA"
    return Finding("tls", PROBLEM, found, advice)
