"""Streams add up to the reply that the same request gets whole."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Callable

import openai
import pytest

from simulator_client import Space

HI: Any = [{"role": "user", "content": "hi"}]
REPLY = "Hello! How can I help you today?"
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER: Any = {"name": "weather", "parameters": PARAMETERS, "strict": True}
CHAT_TOOLS: Any = {"tools": [{"type": "function", "function": WEATHER}], "tool_choice": "required"}
RESPONSES_TOOLS: Any = {"tools": [{"type": "function", **WEATHER}], "tool_choice": "required"}


def chat(**extra: Any) -> Callable[[Any], Any]:
    return lambda client: client.chat.completions.create(
        model="gpt-4o", messages=HI, stream=True, **extra
    )


def test_chat_chunks_add_up_to_the_text(ask: Any, space: Space) -> None:
    """The text comes in as many pieces as the space says, then the finish reason."""
    space.settings(chunk_count=4)
    chunks = ask(chat())
    texts = [chunk.choices[0].delta.content for chunk in chunks]
    assert "".join(text or "" for text in texts) == REPLY
    assert len([text for text in texts if text]) == 4
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * 5 + ["stop"]
    assert len({chunk.id for chunk in chunks}) == 1


def test_chat_stream_has_usage_only_if_asked(ask: Any) -> None:
    """A last chunk without choices holds the usage when the request wants it."""
    assert [chunk.usage for chunk in ask(chat()) if chunk.usage] == []
    *others, last = ask(chat(stream_options={"include_usage": True}))
    assert not any(chunk.usage for chunk in others)
    assert last.choices == []
    assert last.usage.total_tokens > 0


def test_chat_stream_of_several_choices(client: openai.OpenAI) -> None:
    """Each of `n` choices is streamed whole under its own index."""
    texts = {0: "", 1: ""}
    for chunk in chat(n=2)(client):
        texts[chunk.choices[0].index] += chunk.choices[0].delta.content or ""
    assert texts == {0: REPLY, 1: REPLY}


def test_chat_stream_calls_a_tool(ask: Any) -> None:
    """Name and id come first, then the pieces of the arguments."""
    deltas = [chunk.choices[0].delta for chunk in ask(chat(**CHAT_TOOLS))]
    first, *others = [delta.tool_calls[0] for delta in deltas if delta.tool_calls]
    assert first.id
    assert first.function.name == "weather"
    assert json.loads("".join(call.function.arguments for call in others)) == {"city": "example"}


def test_chat_stream_helper_gives_the_whole_completion(client: openai.OpenAI) -> None:
    """The SDK's `stream()` puts the chunks of text or tool call together."""
    with client.chat.completions.stream(model="gpt-4o", messages=HI) as stream:
        assert stream.get_final_completion().choices[0].message.content == REPLY
    with client.chat.completions.stream(model="gpt-4o", messages=HI, **CHAT_TOOLS) as stream:
        choice = stream.get_final_completion().choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.tool_calls
    assert choice.message.tool_calls[0].function.parsed_arguments == {"city": "example"}


def test_response_events_come_in_the_documented_order(ask: Any, space: Space) -> None:
    """A message is announced, written, finished; every event has the next number."""
    space.settings(chunk_count=2)
    events = ask(lambda client: client.responses.create(model="gpt-5", input="hi", stream=True))
    assert [event.type.partition(".")[2] for event in events] == [
        "created",
        "in_progress",
        "output_item.added",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[-1].response.output_text == REPLY


def test_response_stream_that_reaches_the_limit_ends_incomplete(client: openai.OpenAI) -> None:
    """The last event says that the response is not complete."""
    events = list(
        client.responses.create(model="gpt-4o", input="hi", max_output_tokens=2, stream=True)
    )
    assert events[-1].type == "response.incomplete"
    assert events[-1].response.output_text == "Hello! H"


@pytest.mark.parametrize("tools", [{}, RESPONSES_TOOLS])
def test_response_stream_helper_gives_the_whole_response(
    client: openai.OpenAI, space: Space, tools: Any
) -> None:
    """The SDK's `stream()` puts the events of a message or function call together."""
    request = {"model": "gpt-4o", "input": "hi", **tools}

    async def run() -> Any:
        async_client = openai.AsyncOpenAI(base_url=space.base_url, api_key="k")
        async with async_client, async_client.responses.stream(**request) as stream:
            return await stream.get_final_response()

    with client.responses.stream(**request) as stream:
        wholes = [stream.get_final_response(), asyncio.run(run())]
    for whole in wholes:
        [item] = whole.output
        if tools:
            assert item.parsed_arguments == {"city": "example"}
        else:
            assert whole.output_text == REPLY


def test_streamed_response_can_be_retrieved(client: openai.OpenAI) -> None:
    """A streamed response is stored as a whole one is."""
    *_, last = client.responses.create(model="gpt-4o", input="hi", stream=True)
    assert last.type == "response.completed"
    assert client.responses.retrieve(last.response.id).output_text == REPLY


def test_completion_chunks_add_up_to_the_text(ask: Any) -> None:
    """The legacy endpoint streams too, with usage if asked."""
    *chunks, last = ask(
        lambda client: client.completions.create(
            model="davinci-002", prompt="x", stream=True, stream_options={"include_usage": True}
        )
    )
    assert "".join(chunk.choices[0].text for chunk in chunks) == REPLY
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert last.usage.total_tokens > 0
