"""Rescue: calls that have failed are sent again, by a coin with or without the fix on trial."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import Any, Callable, Dict, List

import openai
import pytest
from openai._types import NOT_GIVEN

from arc_protocol.patterns.allocation import WHOLE, Allocation
from core_stand_in import Connection, StandIn, pattern_set
from runtime import Arc
from runtime_shapes import ASYNC_SHAPES, RISKY, SHAPES

HAS_TEMPERATURE = {"path": "temperature", "op": "exists"}


def document(treat: int, stage: str = "rescue", until_ms: Any = None) -> Dict[str, Any]:
    return {
        "name": "no-temperature",
        "pattern": {"temperature": {"exists": True}},
        "fix": {"temperature": None},
        "allocation": Allocation(stage, treat, until_ms).to_json(),
    }


class Tried:
    """An Arc with a pattern in rescue."""

    def __init__(self, arc: Arc, connection: Connection, core: StandIn) -> None:
        self.arc = arc
        self.connection = connection
        self.hello = connection.hello()
        self._core = core

    def push(self, treat: int, **allocation: Any) -> None:
        """Put the pattern in force with its share."""
        assert not self.connection.push(pattern_set(1, document(treat, **allocation))).verdicts

    def spans(self) -> List[Dict[str, Any]]:
        """Return the attributes of the calls so far."""
        assert self.arc.flush(10)
        found = []
        while not self._core.telemetry.empty():
            for resource in self._core.telemetry.get().resource_spans:
                found += [span for scope in resource.scope_spans for span in scope.spans]
        return [
            {
                each.key: getattr(each.value, each.value.WhichOneof("value"))
                for each in span.attributes
            }
            for span in found
        ]


@pytest.fixture
def tried(start: Callable[..., Arc], core: StandIn) -> Callable[..., Tried]:
    """Start Arc with a pattern in rescue that treats a share of the failed calls."""

    def start_tried(treat: int = WHOLE, **settings: Any) -> Tried:
        arc = start(**{"endpoint": core.endpoint, "heal": True, **settings})
        made = Tried(arc, core.connection(), core)
        made.push(treat)
        return made

    return start_tried


def refused(
    message: str = "Something is not right.", status: int = 400, code: Any = None
) -> Dict[str, Any]:
    """Return a rule whose error names no cure."""
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    outcome = {"kind": "error", "http_status": status, "body": {"error": error}}
    return {"id": "rule", "match": HAS_TEMPERATURE, "outcome": outcome}


def rollout(span: Dict[str, Any]) -> Any:
    return tuple(span.get(f"arc.rollout.{name}") for name in ("id", "stage", "arm", "probability"))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_call_that_failed_is_sent_again_with_the_fix(
    shape: str, tried: Callable[..., Tried], space: Any, client: openai.OpenAI
) -> None:
    """However it is made, the application gets the reply, and Core the arm and the error."""
    made = tried(WHOLE)
    space.rules([refused()])
    assert SHAPES[shape](client)
    first, again = (request["json"] for request in space.requests())
    assert again == {k: v for k, v in first.items() if k != "temperature"}
    (span,) = made.spans()
    assert rollout(span) == ("no-temperature@1", "rescue", "treated", 1.0)
    assert span["arc.heal.outcome"] == "healed"
    assert json.loads(span["arc.heal.fix"]) == {"temperature": None}
    assert span["arc.heal.error.status_code"] == 400
    assert "Something is not right." in span["arc.heal.error.message"]
    assert "error.type" not in span
    assert json.loads(span["arc.request"])["temperature"] == 0.95  # what the application asked for


@pytest.mark.parametrize("shape", ASYNC_SHAPES)
def test_an_async_call_that_failed_is_sent_again_with_the_fix(
    shape: str, tried: Callable[..., Tried], space: Any
) -> None:
    made = tried(WHOLE)
    space.rules([refused()])

    async def run() -> Any:
        async with openai.AsyncOpenAI(base_url=space.base_url, api_key="k") as client:
            return await ASYNC_SHAPES[shape](client)

    assert asyncio.run(run())
    assert len(space.requests()) == 2
    (span,) = made.spans()
    assert rollout(span) == ("no-temperature@1", "rescue", "treated", 1.0)


def test_the_control_arm_is_sent_again_as_it_was(
    tried: Callable[..., Tried], space: Any, client: openai.OpenAI
) -> None:
    """When that fails as well, the application sees the error that answered its own request."""
    made = tried(0)
    first = {**refused(code="first"), "id": "first", "times": 1}
    space.rules([first, refused(code="second")])
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(**RISKY)
    assert caught.value.response.json()["error"]["code"] == "first"
    one, other = (request["json"] for request in space.requests())
    assert one == other
    (span,) = made.spans()
    assert rollout(span) == ("no-temperature@1", "rescue", "control", 0.0)
    assert span["arc.heal.outcome"] == "failed"
    assert "arc.heal.fix" not in span
    assert "arc.heal.error.code" not in span
    assert span.get("arc.error.code") == caught.value.code  # None before openai 1.3


def test_the_coin_decides(tried: Callable[..., Tried], space: Any, client: openai.OpenAI) -> None:
    """Each call tells its arm and the probability; exactly those with the fix succeed."""
    made = tried(WHOLE // 2)
    space.rules([refused()])
    succeeded = 0
    for _ in range(10):
        with contextlib.suppress(openai.BadRequestError):
            client.chat.completions.create(**RISKY)
            succeeded += 1
    spans = made.spans()
    assert [rollout(span)[3] for span in spans] == [0.5] * 10
    assert [rollout(span)[2] for span in spans].count("treated") == succeeded


def test_calls_that_fail_in_crowds_are_healed_as_ever(
    tried: Callable[..., Tried], space: Any, client: openai.OpenAI
) -> None:
    """A few of them decide; the others must not pay for it with their error."""
    made = tried(0)
    space.rules([refused("Unsupported parameter: 'temperature' is not supported.")])
    failed, began = 60, time.monotonic()
    for _ in range(60):
        with contextlib.suppress(openai.BadRequestError):
            client.chat.completions.create(**RISKY)
            failed -= 1
    most = 10 + 5 * (time.monotonic() - began)
    assert 10 <= failed <= most
    arms = [rollout(span)[2] for span in made.spans()]
    assert (arms.count("control"), arms.count("shadow")) == (failed, 60 - failed)


def test_calls_that_succeed_are_left_alone(
    tried: Callable[..., Tried], space: Any, client: openai.OpenAI
) -> None:
    """They are matched and counted, nothing else."""
    made = tried(WHOLE)
    client.chat.completions.create(**RISKY)
    assert len(space.requests()) == 1
    (span,) = made.spans()
    assert rollout(span) == ("no-temperature@1", "rescue", "shadow", 0.0)
    assert "arc.heal.outcome" not in span


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        pytest.param({"heal": False}, refused(), id="not asked for"),
        pytest.param({"mode": "observe"}, refused(), id="observe"),
        pytest.param({}, refused(status=429), id="rate limit"),
        pytest.param({}, refused(code="insufficient_quota"), id="quota"),
        pytest.param({}, refused(status=401), id="wrong key"),
        pytest.param({}, refused(status=408), id="timeout"),
        pytest.param({}, refused(status=500), id="error of the server"),
        pytest.param({}, refused(status=529), id="overload"),
    ],
)
def test_what_is_not_to_be_rescued_is_sent_once(
    settings: Any,
    rule: Any,
    tried: Callable[..., Tried],
    space: Any,
    client: openai.OpenAI,
) -> None:
    made = tried(WHOLE, **settings)
    space.rules([rule])
    with pytest.raises(openai.APIStatusError):
        client.chat.completions.create(**RISKY)
    assert len(space.requests()) == 1
    (span,) = made.spans()
    assert rollout(span)[1:3] == ("rescue", "shadow")


def test_a_trial_that_nobody_renews_is_over(
    tried: Callable[..., Tried], space: Any, client: openai.OpenAI
) -> None:
    made = tried(WHOLE)
    made.push(WHOLE, until_ms=int(time.time() * 1000) - 1)
    space.rules([refused()])
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(**RISKY)
    assert len(space.requests()) == 1


@pytest.mark.parametrize("treat", [0, WHOLE])
def test_a_call_is_sent_twice_at_most(
    treat: int, tried: Callable[..., Tried], space: Any, client: openai.OpenAI
) -> None:
    """A call that was rescued, or was not, is not healed as well."""
    made = tried(treat)
    unknown = refused("Unsupported parameter: 'temperature' is not supported.")
    other = refused("Unsupported parameter: 'top_p' is not supported.")
    space.rules([unknown, {**other, "id": "top_p", "match": {"path": "top_p", "op": "exists"}}])
    with pytest.raises(openai.BadRequestError, match="temperature"):
        client.chat.completions.create(**RISKY, top_p=1)
    assert len(space.requests()) == 2
    (span,) = made.spans()
    assert span["arc.heal.outcome"] == "failed"


def test_an_error_outside_the_trial_is_healed_as_ever(
    tried: Callable[..., Tried], space: Any, client: openai.OpenAI
) -> None:
    """The pattern does not match, and the error names its cure."""
    made = tried(0)
    rule = refused("Unsupported parameter: 'top_p' is not supported.")
    space.rules([{**rule, "match": {"path": "top_p", "op": "exists"}}])
    client.chat.completions.create(**{**RISKY, "temperature": NOT_GIVEN}, top_p=1)
    (span,) = made.spans()
    assert span["arc.heal.outcome"] == "healed"
    assert rollout(span) == (None, None, None, None)


def test_core_is_told_who_can_rescue(start: Callable[..., Arc], core: StandIn) -> None:
    """Also when it changes while the program runs; who only observes cannot."""
    start(endpoint=core.endpoint)
    assert not core.connection().hello().heals
    Arc(heal=True)
    assert core.connection().hello().heals
    Arc(mode="observe")
    assert not core.connection().hello().heals
