"""What the variables of OpenTelemetry's exporters say, for those who want Arc to follow them."""

from __future__ import annotations

from typing import Mapping, Optional, Tuple

_EXPORTER = "OTEL_EXPORTER_OTLP"
_CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
_SCHEMES = {"http": "grpc", "https": "grpcs"}


def names(ending: str) -> Tuple[str, str]:
    """Return the variable for traces, which goes before that for everything, and the latter."""
    return f"{_EXPORTER}_TRACES_{ending}", f"{_EXPORTER}_{ending}"


def value(ending: str, environ: Mapping[str, str]) -> Tuple[Optional[str], str]:
    """Return what is said, and in which variable; an empty one counts as unset."""
    for name in names(ending):
        if environ.get(name, "").strip():
            return environ[name].strip(), name
    return None, names(ending)[1]


def endpoint(environ: Mapping[str, str]) -> Tuple[str, str]:
    """Return the address of the receiver as Arc writes it, and the variable that names it.

    As OpenTelemetry for Python has it, gRPC is spoken unless another protocol is asked for, also
    where the address begins with http://, and the receiver is on this machine by default.
    """
    by_http = (value("PROTOCOL", environ)[0] or "grpc").startswith("http")
    said, name = value("ENDPOINT", environ)
    address = said or ("http://localhost:4318" if by_http else "http://localhost:4317")
    scheme, separator, rest = address.partition("://")
    if separator and not by_http:
        # gRPC has no paths; OpenTelemetry passes over one
        address = f"{_SCHEMES.get(scheme.lower(), scheme)}://{rest.split('/', 1)[0]}"
    return address, name


def captures_content(environ: Mapping[str, str]) -> bool:
    """Tell whether the application wants message content on its own spans."""
    return environ.get(_CAPTURE, "").strip().upper() in ("SPAN_ONLY", "SPAN_AND_EVENT")
