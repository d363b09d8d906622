"""What an application says of its calls, besides the run that they belong to."""

from __future__ import annotations

import asyncio
from typing import Any, Dict

import openai

from runtime import Arc
from runtime_shapes import RISKY
from telemetry.receiver import Receiver

NAMES = (
    "arc.session",
    "gen_ai.conversation.id",
    "arc.application.id",
    "arc.pipeline.id",
    "arc.handoff.from",
    "arc.handoff.to",
)


def marks(span: Any) -> Dict[str, str]:
    told = {each.key: each.value.string_value for each in span.attributes}
    return {name: told[name] for name in NAMES if name in told}


def test_calls_tell_of_application_pipeline_and_handoff(
    arc: Arc, receiver: Receiver, client: openai.OpenAI
) -> None:
    """Inside the block alone; what is said further in goes before."""
    ask = client.chat.completions.create
    with arc.session("ticket 4711", application="helpdesk", pipeline="refunds"):
        ask(**RISKY)
        with arc.handoff("triage", "billing"):
            ask(**RISKY)
            with arc.session("ticket 4711/check", pipeline="checks"):
                ask(**RISKY)
        ask(**RISKY)
    ask(**RISKY)
    assert arc.flush(10)
    run = {"arc.session": "ticket 4711", "gen_ai.conversation.id": "ticket 4711"}
    whole = {**run, "arc.application.id": "helpdesk", "arc.pipeline.id": "refunds"}
    handed = {"arc.handoff.from": "triage", "arc.handoff.to": "billing"}
    check = {name: f"{value}/check" for name, value in run.items()}
    assert [marks(span) for span in receiver.spans] == [
        whole,
        {**whole, **handed},
        {**whole, **handed, **check, "arc.pipeline.id": "checks"},
        whole,
        {},
    ]


def test_agents_at_the_same_time_keep_their_marks(arc: Arc, receiver: Receiver, space: Any) -> None:
    """Each task has its own; names need not be texts."""

    async def agent(client: openai.AsyncOpenAI, number: Any) -> None:
        with arc.handoff("router", number):
            await client.chat.completions.create(**{**RISKY, "max_tokens": number + 1})

    async def main() -> None:
        async with openai.AsyncOpenAI(base_url=space.base_url, api_key="k") as client:
            with arc.session("run"):
                await asyncio.gather(*(agent(client, number) for number in range(8)))

    asyncio.run(main())
    assert arc.flush(10)
    told = {}
    for span in receiver.spans:
        (limit,) = (
            each.value.int_value
            for each in span.attributes
            if each.key == "gen_ai.request.max_tokens"
        )
        told[str(limit - 1)] = marks(span)["arc.handoff.to"]
    assert told == {str(number): str(number) for number in range(8)}


def test_a_conversation_of_the_provider_goes_before_the_session(
    arc: Arc, receiver: Receiver, client: openai.OpenAI
) -> None:
    """The conventions mean the provider's own by it."""
    with arc.session("run"):
        client.post(
            "/responses",
            body={"model": "gpt-4.1", "input": "Hi", "conversation": "conv_1"},
            cast_to=Dict[str, object],
        )
    assert arc.flush(10)
    assert marks(receiver.spans[0]) == {
        "arc.session": "run",
        "gen_ai.conversation.id": "conv_1",
    }
