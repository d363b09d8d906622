"""The real SDK understands every endpoint, whole and streamed, sync and async."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import openai
import pytest

from simulator_client import Space

HI: Any = [{"role": "user", "content": "hi"}]
REPLY = "Hello! How can I help you today?"
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 2}},
    "required": ["city", "days"],
}
CHAT_TOOL: Any = {"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}
RESPONSES_TOOL: Any = {"type": "function", "name": "weather", "parameters": SCHEMA, "strict": True}


def test_chat_completion_names_the_snapshot_and_counts_tokens(client: openai.OpenAI) -> None:
    """A whole completion has the choices asked for, and usage that adds up."""
    reply = client.chat.completions.create(model="gpt-4o", messages=HI, n=2)
    assert reply.model == "gpt-4o-2024-08-06"
    assert [choice.message.content for choice in reply.choices] == [REPLY, REPLY]
    assert reply.usage
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens


@pytest.mark.parametrize("include_usage", [True, False])
def test_chat_stream_ends_with_usage_only_if_asked(
    client: openai.OpenAI, include_usage: bool
) -> None:
    """Chunks add up to the text; the usage chunk comes when the request wants it."""
    chunks = list(
        client.chat.completions.create(
            model="gpt-4o",
            messages=HI,
            stream=True,
            stream_options={"include_usage": include_usage},
        )
    )
    texts = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]
    assert "".join(texts) == REPLY
    assert len([text for text in texts if text]) > 1
    assert [bool(chunk.usage) for chunk in chunks].count(True) == include_usage


def test_chat_stream_helper_accumulates_a_tool_call(client: openai.OpenAI) -> None:
    """A forced tool call arrives in pieces whose sum fits the tool's schema."""
    with client.chat.completions.stream(
        model="gpt-4o", messages=HI, tools=[CHAT_TOOL], tool_choice="required"
    ) as stream:
        choice = stream.get_final_completion().choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.tool_calls
    assert choice.message.tool_calls[0].function.name == "weather"
    assert json.loads(choice.message.tool_calls[0].function.arguments)["days"] == 2


def test_tool_is_called_when_the_question_names_it(client: openai.OpenAI) -> None:
    """Without a forced choice the last user message decides."""
    create = client.chat.completions.create
    asking: Any = [{"role": "user", "content": "use weather"}]
    called = create(model="gpt-4o", messages=asking, tools=[CHAT_TOOL]).choices[0]
    not_called = create(model="gpt-4o", messages=HI, tools=[CHAT_TOOL]).choices[0]
    assert called.message.tool_calls
    assert not_called.message.content == REPLY


def test_structured_output_conforms(client: openai.OpenAI) -> None:
    """JSON mode gives an object, a schema gives what fits it."""
    create = client.chat.completions.create
    free = create(model="gpt-4o", messages=HI, response_format={"type": "json_object"})
    assert isinstance(json.loads(free.choices[0].message.content or ""), dict)
    wanted: Any = {"type": "json_schema", "json_schema": {"name": "trip", "schema": SCHEMA}}
    fixed = create(model="gpt-4o", messages=HI, response_format=wanted)
    assert json.loads(fixed.choices[0].message.content or "").keys() == {"city", "days"}


def test_reply_ends_at_the_limit_of_tokens(client: openai.OpenAI) -> None:
    """A limit that is too small for the text cuts it and says so."""
    choice = client.chat.completions.create(model="gpt-4o", messages=HI, max_tokens=2).choices[0]
    assert (choice.message.content, choice.finish_reason) == (REPLY[:8], "length")


def test_response_is_stored_and_continued(client: openai.OpenAI) -> None:
    """A response of a reasoning model can be retrieved by its id; an unknown id is refused."""
    reply = client.responses.create(model="gpt-5", input="hi")
    assert [item.type for item in reply.output] == ["reasoning", "message"]
    assert reply.usage
    assert reply.usage.output_tokens_details.reasoning_tokens == 64
    assert client.responses.retrieve(reply.id).output_text == REPLY
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve("resp_none")


def test_responses_stream_accumulates(client: openai.OpenAI) -> None:
    """The SDK's helper puts the events together; a forced tool is a function call."""
    with client.responses.stream(model="gpt-4o", input="hi") as stream:
        kinds = [event.type for event in stream]
        assert stream.get_final_response().output_text == REPLY
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"
    with client.responses.stream(
        model="gpt-4o", input="hi", tools=[RESPONSES_TOOL], tool_choice="required"
    ) as stream:
        item: Any = stream.get_final_response().output[0]
    assert (item.type, item.name) == ("function_call", "weather")
    assert json.loads(item.arguments)["days"] == 2


def test_embedding_is_the_same_in_both_encodings(client: openai.OpenAI) -> None:
    """Base64 and numbers hold the same vector, and the same text gets it again."""
    create = client.embeddings.create
    plain = create(model="text-embedding-3-small", input=["a", "b"], encoding_format="float")
    packed = create(model="text-embedding-3-small", input="a")
    assert len(plain.data) == 2
    assert packed.data[0].embedding == pytest.approx(plain.data[0].embedding, abs=1e-6)
    assert (
        len(create(model="text-embedding-3-large", input="a", dimensions=8).data[0].embedding) == 8
    )


def test_smaller_endpoints_answer(client: openai.OpenAI) -> None:
    """What the simulator only sketches is still what the SDK expects."""
    done = client.completions.create(model="gpt-3.5-turbo-instruct", prompt="x")
    assert done.choices[0].text == REPLY
    streamed = client.completions.create(model="davinci-002", prompt="x", stream=True)
    assert "".join(chunk.choices[0].text for chunk in streamed) == REPLY
    assert client.moderations.create(input=["a", "b"]).results[1].flagged is False
    assert client.images.generate(model="gpt-image-1", prompt="x").data
    assert client.audio.speech.create(model="tts-1", voice="alloy", input="x").content
    assert "gpt-4o" in [model.id for model in client.models.list()]
    file = client.files.create(file=("a.txt", b"abc"), purpose="assistants")
    assert (file.filename, file.bytes, file.purpose) == ("a.txt", 3, "assistants")
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("no-such-model")


def test_azure_paths_lead_to_the_same_endpoints(space: Space) -> None:
    """An Azure client reaches its deployment, by the old paths and by the new ones."""
    with openai.AzureOpenAI(
        azure_endpoint=space.url, api_key="k", api_version="2024-10-21"
    ) as azure:
        assert azure.chat.completions.create(model="mine", messages=HI).model == "mine"
        assert azure.responses.create(model="mine", input="x").output_text == REPLY
    with openai.OpenAI(base_url=f"{space.url}/openai/v1", api_key="k") as client:
        assert client.chat.completions.create(model="mine", messages=HI).model == "mine"


def test_async_client_is_served_many_times_at_once(space: Space) -> None:
    """Calls at the same time do not wait for each other's latency."""
    space.settings(latency_ms=200)

    async def run() -> list[str | None]:
        async with openai.AsyncOpenAI(base_url=space.base_url, api_key="k") as client:
            create = client.chat.completions.create
            calls = [create(model="gpt-4o", messages=HI) for _ in range(100)]
            # one after the other they would take twice as long as this
            replies = await asyncio.wait_for(asyncio.gather(*calls), 10)
            streamed = await create(model="gpt-4o", messages=HI, stream=True)
            last = "".join([c.choices[0].delta.content or "" async for c in streamed])
            return [*(reply.choices[0].message.content for reply in replies), last]

    assert asyncio.run(run()) == [REPLY] * 101


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"messages": HI}, None),
        ({"model": "gpt-4o"}, "messages"),
        ({"model": "gpt-4o", "messages": []}, "messages"),
        ({"model": "gpt-4o", "messages": "hi"}, "messages"),
        ({"model": "gpt-4o", "messages": [{}]}, "messages[0].role"),
    ],
)
def test_obvious_mistakes_are_refused(client: openai.OpenAI, body: Any, param: Any) -> None:
    """A request without what it needs gets a 400 that names the parameter."""
    with pytest.raises(openai.BadRequestError) as caught:
        client.post("/chat/completions", body=body, cast_to=object)
    assert caught.value.param == param
    assert caught.value.request_id


def test_request_without_a_key_is_refused(space: Space) -> None:
    """No key, no answer."""
    with (
        openai.OpenAI(
            base_url=space.base_url, api_key="k", default_headers={"Authorization": ""}
        ) as client,
        pytest.raises(openai.AuthenticationError),
    ):
        client.models.list()
