"""A fault in any step of Arc leaves the call sent once and its reply intact."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from openai._types import NOT_GIVEN
from openai.types.chat import ChatCompletionMessage

from arc_protocol.patterns import PatternSet
from runtime import Arc
from runtime._telemetry import pipeline, spans, tracer
from runtime._telemetry.metrics import Metrics
from runtime._telemetry.otlp import Exporter
from runtime._worker import Worker
from runtime.providers import _stainless
from runtime_shapes import RISKY
from telemetry.receiver import Receiver

STEPS = {
    "match": (PatternSet, "decide"),
    "fix": (_stainless, "_with_body"),
    "describe": (pipeline, "describe"),
    "encode": (spans, "encode"),
    "tracer": (tracer, "record"),
    "count": (Metrics, "observe"),
    "export": (Exporter, "add"),
    "send": (Exporter, "pump"),
    "queue": (Worker, "put"),
}


def boom(*_: Any, **__: Any) -> Any:
    raise RuntimeError("injected")


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("step", STEPS)
def test_fault_in_a_step_leaves_the_call_alone(
    step: str,
    streamed: bool,
    receiver: Receiver,
    space: Any,
    client: openai.OpenAI,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The provider sees one request, the caller its reply, and the fault is counted."""
    owner, name = STEPS[step]
    monkeypatch.setattr(owner, name, boom)
    arc = Arc(endpoint=receiver.endpoint, metrics_port=0, log_level="CRITICAL")
    try:
        if streamed:
            assert list(client.chat.completions.create(**RISKY, stream=True))
        else:
            assert client.chat.completions.create(**RISKY).choices
        arc.flush(5)
        assert len(space.requests()) == 1
        assert sum(arc.faults().values()) >= 1
    finally:
        arc.shutdown()


@pytest.mark.parametrize(
    "extra",
    [
        lambda: {"temperature": None},
        lambda: {"temperature": "0.95"},
        lambda: {"messages": [{"role": "user", "content": "x" * 2_000_000}]},
        lambda: {"messages": iter([{"role": "user", "content": "x"}])},
        lambda: {"user": "\u0000 and more"},
        lambda: {"extra_body": {"metadata": {"deep": "value"}}},
        lambda: {"temperature": NOT_GIVEN},
        lambda: {"temperature": float("nan")},
        lambda: {"messages": [ChatCompletionMessage(role="assistant", content="an object")]},
        lambda: {"messages": [{"role": "user", "content": b"bytes"}]},
        lambda: {"messages": [{"role": "user", "content": "a lone \ud800"}]},
    ],
    ids=[
        *("null", "text", "huge", "iterator", "control character", "mapping"),
        *("not given", "nan", "object", "bytes", "surrogate"),
    ],
)
def test_strange_requests_end_as_without_arc_and_are_recorded(
    extra: Any, start: Any, receiver: Receiver, space: Any, client: openai.OpenAI
) -> None:
    """Whatever the SDK makes of a request, it still does, and telemetry survives it."""

    def outcome() -> Any:
        try:
            reply: Any = client.chat.completions.create(**{**RISKY, **extra()})
        except Exception as error:  # of the provider, of the SDK
            reply = error
        return type(reply)

    bare = outcome()
    sent = len(space.requests())
    arc = start()
    assert outcome() is bare
    assert len(space.requests()) == 2 * sent
    assert arc.flush(10)
    assert len(receiver.spans) == 1
