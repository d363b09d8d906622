"""Spans without content, for the tests of exporters."""

from __future__ import annotations

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from runtime._telemetry.otlp import Exporter


def spans(exporter: Exporter, count: int, size: int = 10) -> None:
    """Hand an exporter `count` spans with names of `size` characters."""
    for _ in range(count):
        exporter.add(Span(name="x" * size))
