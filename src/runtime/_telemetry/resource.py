"""Says which process telemetry comes from."""

from __future__ import annotations

import os
import socket
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Dict, Mapping, Optional, Union
from urllib.parse import unquote

from arc_protocol import semconv
from arc_protocol.version import __version__
from runtime._telemetry.content import clean
from runtime._telemetry.spans import add_attributes

if TYPE_CHECKING:
    from opentelemetry.proto.resource.v1.resource_pb2 import Resource


def attributes(
    service_name: Optional[str] = None,
    environ: Mapping[str, str] = os.environ,
    *,
    runtime_id: Optional[str] = None,
) -> Dict[str, Union[str, int]]:
    """Return the attributes of this process, with a new `arc.runtime.id` unless one is given.

    There is one per process, and another in a forked child. What the application says in
    OTEL_RESOURCE_ATTRIBUTES goes before what Arc finds out, except for what names Arc itself.
    """
    runtime_id = runtime_id or str(uuid.uuid4())
    described = {
        semconv.SERVICE_NAME: _program(),
        semconv.SERVICE_INSTANCE_ID: runtime_id,
        semconv.HOST_NAME: socket.gethostname(),
        **_listed(environ.get("OTEL_RESOURCE_ATTRIBUTES", "")),
    }
    name = service_name or environ.get("OTEL_SERVICE_NAME")
    if name:
        described[semconv.SERVICE_NAME] = name
    return {
        **{key: clean(value) for key, value in described.items()},
        semconv.PROCESS_PID: os.getpid(),
        semconv.TELEMETRY_SDK_NAME: "arc",
        semconv.TELEMETRY_SDK_LANGUAGE: "python",
        semconv.TELEMETRY_SDK_VERSION: __version__,
        semconv.ARC_RUNTIME_VERSION: __version__,
        semconv.ARC_RUNTIME_ID: runtime_id,
    }


def resource(
    service_name: Optional[str] = None,
    environ: Mapping[str, str] = os.environ,
    *,
    runtime_id: Optional[str] = None,
) -> Resource:
    """Return the attributes of this process in OTLP's form."""
    from opentelemetry.proto.resource.v1.resource_pb2 import Resource

    made = Resource()
    add_attributes(made.attributes, attributes(service_name, environ, runtime_id=runtime_id))
    return made


def _listed(text: str) -> Dict[str, str]:
    pairs = (entry.partition("=") for entry in text.split(","))
    return {clean(key.strip()): unquote(value.strip()) for key, sign, value in pairs if sign}


def _program() -> str:
    path = Path(sys.argv[0] if getattr(sys, "argv", None) else "")
    # `python -m package` runs the package's __main__.py
    name = path.parent.name if path.stem == "__main__" else path.stem
    return name if name and name != "-c" else "unknown_service:python"
