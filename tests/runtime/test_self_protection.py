"""A pushed pattern that makes Arc stumble is switched off in this process, and Core is told."""

from __future__ import annotations

from typing import Any, Callable, Dict, List

import openai
import pytest

from arc_protocol.patterns.allocation import WHOLE, Allocation
from arc_protocol.wire.sync_pb2 import Verdict
from core_stand_in import StandIn, pattern_set
from runtime import Arc
from waiting import wait_until

FIX: Dict[str, Any] = {"stop.first": "x"}
"""Cannot be carried out where there is a list of stops."""


@pytest.fixture
def linked(start: Callable[..., Arc], core: StandIn) -> Arc:
    return start(endpoint=core.endpoint)


def document(name: str = "team", share: int = WHOLE, fix: Any = None) -> Dict[str, Any]:
    return {
        "name": name,
        "pattern": {"model": "m", "seed": {">": 0}},
        "fix": fix or FIX,
        "allocation": Allocation("active", share).to_json(),
    }


def call(arc: Arc, client: openai.OpenAI, times: int, seed: Any = 1) -> None:
    """Make calls that the pattern matches."""
    for _ in range(times):
        client.chat.completions.create(
            model="m",
            messages=[{"role": "user", "content": "hi"}],
            stop=["."],
            extra_body={"seed": seed},  # which the oldest SDK does not know
        )
    assert arc.flush(10)


def pushed(arc: Arc) -> List[str]:
    return [pattern.name for pattern in arc.patterns() if pattern.origin.label == "pushed"]


def test_after_five_faults_it_is_off_until_its_next_revision(
    linked: Arc, core: StandIn, client: openai.OpenAI, space: Any
) -> None:
    """Its calls are sent as they are all the while; other patterns stay in force."""
    connection = core.connection()
    connection.hello()
    other = document("other", fix={"top_p": 0.5})
    assert not connection.push(pattern_set(1, other, document())).verdicts
    call(linked, client, 4)
    assert pushed(linked) == ["team", "other"]
    call(linked, client, 1)
    (verdict,) = connection.applied().verdicts
    assert (verdict.name, verdict.revision, verdict.state) == ("team", 1, Verdict.DISABLED)
    assert verdict.reason.startswith("It has failed on 5 calls")
    assert "list" in verdict.reason
    wait_until(lambda: pushed(linked) == ["other"])
    assert linked.link.refused == {"team": verdict.reason}
    assert [request["json"]["stop"] for request in space.requests()] == [["."]] * 5

    (still,) = connection.push(pattern_set(2, other, document(share=WHOLE // 2))).verdicts
    assert (still.state, still.digest != verdict.digest) == (Verdict.DISABLED, True)
    assert pushed(linked) == ["other"]

    assert not connection.push(pattern_set(3, other, document(), revision=2)).verdicts
    assert sorted(pushed(linked)) == ["other", "team"]
    assert linked.link.refused == {}


def test_what_a_request_holds_is_no_fault_of_the_pattern(
    linked: Arc, core: StandIn, client: openai.OpenAI
) -> None:
    """A text where a number belongs cannot be compared; the pattern is fine for other calls."""
    connection = core.connection()
    connection.hello()
    connection.push(pattern_set(1, document()))
    call(linked, client, 6, seed="seven")
    assert pushed(linked) == ["team"]


def test_patterns_of_the_application_are_its_own_affair(
    start: Callable[..., Arc], client: openai.OpenAI
) -> None:
    arc = start()
    arc.register_pattern({"seed": {">": 0}}, FIX, name="mine")
    call(arc, client, 6)
    assert "mine" in [pattern.name for pattern in arc.patterns()]
