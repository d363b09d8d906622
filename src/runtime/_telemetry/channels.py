"""Connections to a receiver, opened the same way by all that talk to it."""

from __future__ import annotations

from typing import Any, List, Optional, Sequence, Tuple, Union

from arc_protocol.version import __version__
from runtime._endpoint import Endpoint
from runtime._telemetry import forks
from runtime._telemetry import tls as tls_files
from runtime._telemetry.tls import TlsFiles

Headers = Sequence[Tuple[str, str]]
Options = Tuple[Tuple[str, Union[int, str]], ...]

_OPTIONS: Options = (
    ("grpc.enable_retries", 0),
    ("grpc.service_config_disable_resolution", 1),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.primary_user_agent", f"arc-runtime/{__version__}"),
)


def headers(api_key: Optional[str], more: Headers) -> List[Tuple[str, str]]:
    """Return what is sent with each request: the key, unless there is another authorization."""
    said = dict(more)
    if api_key:
        said.setdefault("authorization", f"Bearer {api_key}")
    return list(said.items())


def connect(endpoint: Endpoint, tls: TlsFiles, *, message_limit: int) -> Any:
    """Return a channel of gRPC that takes answers of so many bytes; raises `TlsFileError`."""
    forks.load()
    import grpc

    options: Options = (*_OPTIONS, ("grpc.max_receive_message_length", message_limit))
    if endpoint.loopback:
        # a proxy that the environment names for the world would look for it on its own machine
        options = (*options, ("grpc.enable_http_proxy", 0))
    if not endpoint.tls:
        return grpc.insecure_channel(endpoint.address, options=options)
    # read again for each connection: certificates are renewed while programs run
    credentials = grpc.ssl_channel_credentials(*tls_files.read(tls))
    return grpc.secure_channel(endpoint.address, credentials, options=options)
