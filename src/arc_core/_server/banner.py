"""What `arc core` says when it is ready: where data is, where to send, what to do next."""

from __future__ import annotations

import shlex

from arc_core._server import tls
from arc_core.config import Settings
from arc_core.registry.registry import Registry
from arc_core.storage import CallStore
from arc_protocol.version import __version__


def banner(
    settings: Settings,
    store: CallStore,
    registry: Registry,
    ports: tuple[int, int],
    signed_by: str | None,
) -> str:
    """Return the text; `ports` are those of gRPC and HTTP, `signed_by` a public key."""
    grpc_port, http_port = ports
    secure = settings.tls_cert is not None
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    if settings.host in ("0.0.0.0", "::"):
        host = "localhost"
    grpc_url = f"{'grpcs' if secure else 'grpc'}://{host}:{grpc_port}"
    http_url = f"{'https' if secure else 'http'}://{host}:{http_port}"
    info = store.info()
    lines = [
        f"Arc Core {__version__} is ready.",
        f"  telemetry   {grpc_url}  (OTLP/gRPC; OTLP/HTTP at {http_url}/v1/traces)",
        f"  REST        {http_url}/api/v1  (described at {http_url}/openapi.json)",
        f"  calls       {info.calls:,} in {info.engine} {info.version}, {info.location}",
        f"  patterns    {registry.location}",
    ]
    if signed_by is not None:
        lines.append(f"  signed      Runtimes trust ARC_TRUSTED_KEY={signed_by}")
    expired = tls.warning(settings)
    if expired is not None:
        lines.append(f"  warning     {expired}")
    if settings.keys_required:
        where = f"--data {shlex.quote(str(settings.data))}"
        if settings.registry is not None:
            where = "--registry URL"
        lines += [
            "  keys        demanded; make the first one on this machine with",
            f"              arc keys create NAME --local {where}",
        ]
        if not secure and not settings.loopback:
            lines.append(
                "  warning     keys and prompts cross the network in clear text; "
                "give --tls-cert and --tls-key"
            )
    key = " ARC_API_KEY=..." if settings.keys_required else ""
    lines.append(f"  next        ARC_ENDPOINT={grpc_url}{key} arc run app.py")
    return "\n".join(lines)
