"""From what people say of replies to a pattern."""

from __future__ import annotations

from arc_core.learner import Learner
from arc_core.model.feedback import signature
from arc_core.registry.registry import Registry
from arc_core.storage import CallStore
from core.call_records import NOW, SECOND, batch, said
from core.learner.traffic import call
from waiting import wait_until

PROJECT = "displeased"


def test_a_pattern_is_learned_from_complaints(store: CallStore, registry: Registry) -> None:
    """Calls with one setting displease, those without it do not; none fails by itself."""
    calls, complaints = [], []
    for number in range(40):
        hot = number % 2 == 0
        request = {"model": "m1", "temperature": 1.9 if hot else 0.5, "messages": []}
        made = call(PROJECT, number, request, response_id=f"r{number}")
        calls.append(made)
        if hot:
            complaints.append(said(made, label="nonsense", received_at=NOW + 99 * SECOND))
    registry.create_key(PROJECT, "so that the project is known")
    learner = Learner(store, registry, interval_s=0.05, manual=True)
    learner.start()
    try:
        first, last = batch(*calls), batch(feedback=complaints)
        store.insert(first, token="calls")
        learner.stored(first)
        store.insert(last, token="complaints")
        learner.stored(last)
        wait_until(lambda: bool(registry.patterns(PROJECT)), 20)
    finally:
        learner.close()
    pattern = registry.patterns(PROJECT)[0]
    assert pattern.evidence["kind"] == "feedback"
    assert pattern.evidence["signature"] == signature("openai", "chat", "nonsense")
    assert "temperature" in str(pattern.document["pattern"])
