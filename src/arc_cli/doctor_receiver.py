"""Checks of `arc doctor`: the way to the endpoint, one step after the other."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any, Iterator, List, Mapping, NamedTuple, Optional, Tuple
from urllib.parse import urlsplit

from arc_cli import doctor_core, doctor_http, doctor_tls
from arc_cli.doctor_finding import OK, PROBLEM, WARNING, Finding
from runtime._endpoint import Endpoint

_WITHIN_S = 5.0


class Proxy(NamedTuple):
    """What the environment says about proxies, as gRPC understands it."""

    variable: str
    host: str
    port: int


def endpoint(settings: Any, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Go the way that telemetry goes, as far as it can be gone."""
    receiver = settings.receiver()
    if receiver is None:
        yield Finding(
            "endpoint",
            OK,
            "none: no telemetry leaves the process, and no patterns come from Arc Core",
        )
        return
    source = settings.sources["endpoint"]
    by = "by default" if source == "default" else f"from {source}"
    yield Finding("endpoint", OK, f"{receiver}, {by}")
    if settings.api_key and not (receiver.tls or receiver.loopback):
        yield Finding(
            "endpoint",
            WARNING,
            "the API key travels in clear text",
            f"write {receiver.secured} if TLS is served there",
        )
    if receiver.http:
        yield from doctor_http.conversation(receiver, settings)
        return
    proxy, findings = _proxy(receiver, environ)
    yield from findings
    sockets: List[socket.socket] = []
    try:
        for finding in _way(receiver, proxy, sockets):
            yield finding
            if finding.level != OK:
                return
        if receiver.tls:
            for finding in doctor_tls.handshake(sockets.pop(), receiver, settings):
                yield finding
                if finding.level == PROBLEM:
                    return
    finally:
        for each in sockets:
            each.close()
    yield from doctor_core.conversation(receiver, settings)


def _proxy(receiver: Endpoint, environ: Mapping[str, str]) -> Tuple[Optional[Proxy], List[Finding]]:
    """Return the proxy that gRPC would use, by the rules of its C-core.

    https://github.com/grpc/grpc/blob/master/doc/core/default_http_proxy_mapper.md
    """
    variable = next((v for v in ("grpc_proxy", "https_proxy", "http_proxy") if environ.get(v)), "")
    if not variable:
        return None, []
    exempt = next((v for v in ("no_grpc_proxy", "no_proxy") if environ.get(v)), "")
    parts = urlsplit(environ[variable])
    try:
        host, port = parts.hostname or "", parts.port or 80
    except ValueError:
        host, port = "", 0
    if receiver.loopback:
        said = f"{variable} is not used for this machine's own addresses"
        return None, [Finding("proxy", OK, said)]
    if exempt and _is_exempt(receiver.host, environ[exempt]):
        return None, [Finding("proxy", OK, f"{variable} is not used: {exempt} names the endpoint")]
    if parts.scheme != "http" or not host:
        return None, [
            Finding(
                "proxy",
                WARNING,
                f"{variable} is not http://host:port, so gRPC ignores it",
                "unset it, or set grpc_proxy",
            )
        ]
    found = f"gRPC goes through the proxy {host}:{port} ({variable})"
    advice = f"if it should not: add {receiver.host} to no_proxy"
    return Proxy(variable, host, port), [Finding("proxy", OK, found, advice)]


def _is_exempt(host: str, names: str) -> bool:
    for name in filter(None, (each.strip().lower() for each in names.split(","))):
        if host.endswith(name):
            return True
        try:
            if ipaddress.ip_address(host) in ipaddress.ip_network(name, strict=False):
                return True
        except ValueError:  # one of them is a name
            continue
    return False


def _way(
    receiver: Endpoint, proxy: Optional[Proxy], sockets: List[socket.socket]
) -> Iterator[Finding]:
    """Resolve the name and connect; leaves the connection in `sockets`."""
    host, port = (proxy.host, proxy.port) if proxy else (receiver.host, receiver.port)
    # nobody asked for the default endpoint, and protection works without it
    absent = PROBLEM if receiver.explicit else WARNING
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as problem:
        yield Finding(
            "dns", PROBLEM, f"{host} is not known ({problem.strerror})", "look for a typing error"
        )
        return
    addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
    if addresses != [host]:
        yield Finding("dns", OK, f"{host} is {', '.join(addresses)}")
    failures = []
    for address in addresses:
        try:
            sockets.append(socket.create_connection((address, port), _WITHIN_S))
        except OSError as problem:
            failures.append(f"{address}: {_reason(problem)}")
            continue
        via = ""
        if proxy:
            refusal = _tunnel(sockets[-1], receiver)
            if refusal:
                yield Finding(
                    "proxy",
                    PROBLEM,
                    f"the proxy {host}:{port} does not let through: {refusal}",
                    f"unset {proxy.variable}, or add {receiver.host} to no_proxy",
                )
                return
            via = f" through {host}:{port}"
        yield Finding("tcp", OK, f"{receiver.address} answers{via}")
        return
    yield Finding(
        "tcp", absent, f"nobody answers at {host}:{port} ({'; '.join(failures)})", _start(receiver)
    )


def _start(receiver: Endpoint) -> str:
    if receiver.loopback:
        return (
            "calls stay protected; start Arc Core with: arc core, or set ARC_ENDPOINT to where it "
            "is, or to nothing"
        )
    return "calls stay protected; see that the receiver runs and that no firewall is in between"


def _reason(problem: OSError) -> str:
    if isinstance(problem, socket.timeout):
        return f"no answer within {_WITHIN_S:.0f} s"
    return (problem.strerror or str(problem)).lower()


def _tunnel(connection: socket.socket, receiver: Endpoint) -> str:
    """Ask a proxy for the way to the receiver, as gRPC does; return why not, or nothing."""
    request = f"CONNECT {receiver.address} HTTP/1.1\r\nHost: {receiver.address}\r\n\r\n"
    try:
        connection.sendall(request.encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            more = connection.recv(4096)
            if not more:
                break
            answer += more
    except OSError as problem:
        return _reason(problem)
    status = answer.split(b"\r\n", 1)[0].decode("ascii", "replace")
    return "" if " 200" in status[:13] else status or "it ends the connection"
