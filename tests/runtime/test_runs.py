"""Trials of whole agent runs: all calls of a session, or of a trace, get the same arm."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from typing import Any, Callable, ContextManager, Dict, List

import openai
import pytest
from opentelemetry import trace

from arc_protocol.patterns.allocation import WHOLE, Allocation
from arc_protocol.turns import Turn
from core_stand_in import StandIn, pattern_set
from runtime import Arc

ALLOCATION = Allocation("canary", WHOLE // 2, None, "run", "cooler@1/canary")
DOCUMENT = {
    "name": "cooler",
    "pattern": {"temperature": {">": 1}},
    "fix": {"temperature": 1},
    "allocation": ALLOCATION.to_json(),
}


def in_session(arc: Arc, number: int) -> ContextManager[Any]:
    return arc.session(f"run {number}")


def in_trace(arc: Arc, number: int) -> ContextManager[Any]:
    flags = trace.TraceFlags(trace.TraceFlags.SAMPLED)
    parent = trace.SpanContext(number + 1, 7, is_remote=False, trace_flags=flags)
    return trace.use_span(trace.NonRecordingSpan(parent))


def outside(arc: Arc, number: int) -> ContextManager[Any]:
    return contextlib.nullcontext()


def spans(arc: Arc, core: StandIn) -> List[Dict[str, Any]]:
    assert arc.flush(10)
    found = []
    while not core.telemetry.empty():
        for resource in core.telemetry.get().resource_spans:
            found += [span for scope in resource.scope_spans for span in scope.spans]
    return [
        {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes}
        for span in found
    ]


@pytest.mark.parametrize(
    ("within", "key", "units"),
    [
        (in_session, lambda number: f"session:run {number}", 8),
        (in_trace, lambda number: f"trace:{number + 1:032x}", 8),
        (outside, None, 24),
    ],
)
def test_the_calls_of_a_run_share_their_arm(
    within: Callable[[Arc, int], ContextManager[Any]],
    key: Any,
    units: int,
    start: Callable[..., Arc],
    core: StandIn,
    space: Any,
    client: openai.OpenAI,
) -> None:
    """Interleaved runs of three calls each; the requests show what the spans say."""
    arc = start(endpoint=core.endpoint)
    connection = core.connection()
    connection.hello()
    assert not connection.push(pattern_set(1, DOCUMENT)).verdicts
    for turn in range(3):
        for number in range(8):
            with within(arc, number):
                client.chat.completions.create(
                    model="gpt-4o",
                    temperature=1.5,
                    messages=[{"role": "user", "content": f"{number} {turn}"}],
                )
    runs = defaultdict(list)
    for span in spans(arc, core):
        assert span["arc.rollout.probability"] == 0.5
        assert span["feature_flag.key"] == "arc.cooler"
        assert span["feature_flag.result.variant"] == span["arc.rollout.arm"]
        runs[span["arc.rollout.unit_hash"]].append(span)
    assert len(runs) == units
    assert {len({span["arc.rollout.arm"] for span in run}) for run in runs.values()} == {1}
    sent = {
        request["json"]["messages"][0]["content"]: request["json"]["temperature"]
        for request in space.requests()
    }
    if key is not None:
        for number in range(8):
            unit = ALLOCATION.run_hash(key(number))
            assert unit.hex() in runs
            expected = 1 if ALLOCATION.toss(unit) == "treated" else 1.5
            assert {sent[f"{number} {turn}"] for turn in range(3)} == {expected}
        assert set(sent.values()) == {1, 1.5}


TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "look",
            "parameters": {"type": "object", "properties": {"q": {"type": "string"}}},
        },
    }
]


def turn_of(span: Dict[str, Any]) -> Turn:
    found = Turn.parse(span["arc.turn"])
    assert found is not None
    return found


@pytest.mark.parametrize("capture", [True, False])
def test_calls_of_a_run_say_in_hashes_what_they_add(
    capture: bool, start: Callable[..., Arc], core: StandIn, client: openai.OpenAI
) -> None:
    """Also where content stays at home; calls outside of runs say nothing."""
    arc = start(endpoint=core.endpoint, capture_content=capture)

    def ask(words: str) -> None:
        client.chat.completions.create(
            model="gpt-4o",
            messages=[{"role": "user", "content": words}],
            extra_body={"tools": TOOLS},
        )

    with arc.session("run"):
        for words in ("my secret", "my secret", "other"):
            ask(words)
    ask("my secret")
    one, same, other, outside = spans(arc, core)
    assert "arc.turn" not in outside
    assert turn_of(one) == turn_of(same)
    assert turn_of(one).news != turn_of(other).news
    assert (turn_of(one).messages, turn_of(one).beginning) == (1, 1)
    assert "secret" not in one["arc.turn"]
