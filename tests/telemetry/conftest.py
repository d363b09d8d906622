"""Exporters of any protocol, and what they drop."""

from __future__ import annotations

import threading
from typing import Any, Callable, Dict, Iterator, List

import pytest
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from runtime import _endpoint
from runtime._telemetry.otlp import Exporter
from waiting import wait_until


@pytest.fixture
def drops() -> Dict[str, int]:
    """Spans by the reason for which they were dropped."""
    return {}


@pytest.fixture
def export_to(drops: Dict[str, int]) -> Iterator[Callable[..., Exporter]]:
    """Make an exporter to an endpoint, which ends with the test and leaves no thread."""
    made: List[Exporter] = []

    def export(endpoint: str, **options: Any) -> Exporter:
        def dropped(reason: str, count: int) -> None:
            drops[reason] = drops.get(reason, 0) + count

        parsed = _endpoint.parse(endpoint)
        assert parsed is not None
        settings: Any = {"jitter": lambda: 0.0, **options}
        made.append(
            Exporter(parsed, resource=Resource(), drops=dropped, wake=lambda: None, **settings)
        )
        return made[-1]

    yield export
    for exporter in made:
        exporter.suspend()
    wait_until(lambda: "arc-http" not in [thread.name for thread in threading.enumerate()])
