"""An Arc of its own for each test, with a real receiver of its telemetry."""

from __future__ import annotations

import logging
from typing import Any, Callable, Iterator

import openai
import pytest

from core_stand_in import StandIn
from runtime import Arc
from runtime._telemetry import forks
from telemetry.receiver import Receiver


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    for name in ("DISABLE", "ENDPOINT", "API_KEY", "LOG_LEVEL", "METRICS_PORT", "MODE", "SPOOL"):
        monkeypatch.delenv(f"ARC_{name}", raising=False)
    monkeypatch.setenv("ARC_CACHE_DIR", str(tmp_path / "arc-cache"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def linked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that do not fork: an old gRPC would have the link wait for the first call."""
    monkeypatch.setattr(forks, "are_survived", lambda: True)


@pytest.fixture
def core(linked_at_once: None) -> Iterator[StandIn]:
    """A stand-in for Core."""
    with StandIn() as running:
        yield running


@pytest.fixture
def start(receiver: Receiver) -> Iterator[Callable[..., Arc]]:
    """Start Arc with the receiver; a fault that the guard caught fails the test."""
    started = []

    def start_arc(**settings: Any) -> Arc:
        arc = Arc(**{"endpoint": receiver.endpoint, "metrics_port": 0, **settings})
        started.append(arc)
        return arc

    yield start_arc
    for arc in started:
        arc.shutdown()
        assert arc.faults() == {}
    logging.getLogger("arc").handlers.clear()


@pytest.fixture
def arc(start: Callable[..., Arc]) -> Arc:
    return start()


@pytest.fixture
def client(space: Any) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=space.base_url, api_key="k", max_retries=0) as made:
        yield made
