"""Each endpoint answers the real SDK as the provider would."""

from __future__ import annotations

import io
import json
import math
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from simulator_client import Space

HI: Any = [{"role": "user", "content": "hi"}]
WEATHER: Any = {
    "name": "get_weather",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 2}},
        "required": ["city", "days"],
    },
}
CHAT_TOOLS: Any = [{"type": "function", "function": WEATHER}]
RESPONSES_TOOLS: Any = [{"type": "function", **WEATHER}]


def test_chat_completion_has_text_usage_and_a_dated_model(ask: Any, space: Space) -> None:
    """A plain request gets the space's text, the snapshot's name and consistent token counts."""
    space.settings(reply="Good day.")
    reply = ask(lambda client: client.chat.completions.create(model="gpt-4o", messages=HI))
    assert reply.choices[0].message.content == "Good day."
    assert reply.choices[0].finish_reason == "stop"
    assert reply.model == "gpt-4o-2024-08-06"
    assert reply.id.startswith("chatcmpl-")
    assert reply.usage.completion_tokens == 3
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens


def test_n_gives_that_many_choices(client: openai.OpenAI) -> None:
    """Each of `n` choices has its own index, and all of them are paid for."""
    one = client.chat.completions.create(model="gpt-4o", messages=HI)
    three = client.chat.completions.create(model="gpt-4o", messages=HI, n=3)
    assert [choice.index for choice in three.choices] == [0, 1, 2]
    assert one.usage is not None
    assert three.usage is not None
    assert three.usage.completion_tokens == 3 * one.usage.completion_tokens


def test_reasoning_model_reports_reasoning_tokens(client: openai.OpenAI, space: Space) -> None:
    """The tokens of thinking are part of the completion's tokens; other models do not think."""
    space.settings(reasoning_tokens=100)
    usage = client.chat.completions.create(model="gpt-5-mini", messages=HI).usage
    assert usage is not None
    assert usage.completion_tokens_details is not None
    assert usage.completion_tokens_details.reasoning_tokens == 100
    assert usage.completion_tokens > 100
    plain = client.chat.completions.create(model="gpt-4o", messages=HI).usage
    assert plain is not None
    assert plain.completion_tokens_details is not None
    assert plain.completion_tokens_details.reasoning_tokens == 0


@pytest.mark.parametrize(
    ("content", "choice"),
    [
        ("hi", "required"),
        ("hi", {"type": "function", "function": {"name": "get_weather"}}),
        ("please call get_weather", "auto"),
    ],
)
def test_chat_calls_a_tool_when_forced_or_asked(ask: Any, content: str, choice: Any) -> None:
    """A tool is called with arguments that conform to its schema."""
    messages: Any = [{"role": "user", "content": content}]
    reply = ask(
        lambda client: client.chat.completions.create(
            model="gpt-4o", messages=messages, tools=CHAT_TOOLS, tool_choice=choice
        )
    )
    [tool_call] = reply.choices[0].message.tool_calls
    assert reply.choices[0].finish_reason == "tool_calls"
    assert reply.choices[0].message.content is None
    assert tool_call.function.name == "get_weather"
    assert json.loads(tool_call.function.arguments) == {"city": "example", "days": 2}


def test_chat_answers_in_words_when_no_tool_is_asked_for(client: openai.OpenAI) -> None:
    """Offered tools alone do not lead to a call, nor does asking where it is forbidden."""
    reply = client.chat.completions.create(model="gpt-4o", messages=HI, tools=CHAT_TOOLS)
    assert reply.choices[0].message.tool_calls is None
    asking: Any = [{"role": "user", "content": "call get_weather"}]
    reply = client.chat.completions.create(
        model="gpt-4o", messages=asking, tools=CHAT_TOOLS, tool_choice="none"
    )
    assert reply.choices[0].message.tool_calls is None


class Step(BaseModel):
    title: str
    children: list[Step]


class Plan(BaseModel):
    kind: str
    score: float | None
    steps: list[Step]


def test_chat_conforms_to_a_json_schema(ask: Any) -> None:
    """`parse()` gets a model's instance, recursive schemas included."""
    reply = ask(
        lambda client: client.chat.completions.parse(
            model="gpt-4o", messages=HI, response_format=Plan
        )
    )
    assert isinstance(reply.choices[0].message.parsed, Plan)


def test_chat_writes_json_in_json_mode(client: openai.OpenAI) -> None:
    """JSON mode gives a JSON object."""
    reply = client.chat.completions.create(
        model="gpt-4o", messages=HI, response_format={"type": "json_object"}
    )
    assert isinstance(json.loads(reply.choices[0].message.content or ""), dict)


def test_chat_is_cut_off_at_the_token_limit(client: openai.OpenAI) -> None:
    """A limit below the length of the text ends it early, and the reply says so."""
    reply = client.chat.completions.create(model="gpt-4o", messages=HI, max_tokens=2)
    assert reply.choices[0].finish_reason == "length"
    assert reply.choices[0].message.content == "Hello! H"


def test_response_has_text_and_can_be_retrieved(ask: Any, space: Space) -> None:
    """A stored response is the same when it is fetched by its id."""
    space.settings(reply="Good day.")
    made = ask(lambda client: client.responses.create(model="gpt-4o", input="hi"))
    assert made.output_text == "Good day."
    assert made.status == "completed"
    assert ask(lambda client: client.responses.retrieve(made.id)) == made


def test_background_response_is_queued_and_retrieved_later(
    client: openai.OpenAI, space: Space
) -> None:
    """What is answered at once has no output; a rule about fetching changes no stored response."""
    soft = {"kind": "soft", "response": {"status": "in_progress", "output": []}}
    slow = {"id": "slow", "endpoint": "openai.responses.retrieve", "outcome": soft, "times": 1}
    space.rules([slow])
    made = client.responses.create(model="gpt-4o", input="hi", background=True)
    assert (made.status, made.output, made.usage) == ("queued", [], None)
    first, second = (client.responses.retrieve(made.id) for _ in range(2))
    assert (first.status, first.output) == ("in_progress", [])
    assert (second.status, second.output_text) == ("completed", "Hello! How can I help you today?")


def test_response_that_is_not_stored_cannot_be_retrieved(client: openai.OpenAI) -> None:
    """`store=False` keeps nothing."""
    made = client.responses.create(model="gpt-4o", input="hi", store=False)
    with pytest.raises(openai.NotFoundError, match="not found"):
        client.responses.retrieve(made.id)


def test_response_of_a_reasoning_model_starts_with_a_reasoning_item(client: openai.OpenAI) -> None:
    """The reasoning item precedes the message, and its tokens are reported."""
    made = client.responses.create(model="gpt-5", input="hi")
    assert [item.type for item in made.output] == ["reasoning", "message"]
    assert made.usage is not None
    assert made.usage.output_tokens_details.reasoning_tokens > 0


def test_response_calls_a_tool(ask: Any) -> None:
    """A forced tool gives a function call with conforming arguments."""
    made = ask(
        lambda client: client.responses.create(
            model="gpt-4o", input="hi", tools=RESPONSES_TOOLS, tool_choice="required"
        )
    )
    [item] = made.output
    assert item.type == "function_call"
    assert json.loads(item.arguments) == {"city": "example", "days": 2}


def test_response_conforms_to_a_json_schema(ask: Any) -> None:
    """`responses.parse()` gets a model's instance."""
    made = ask(lambda client: client.responses.parse(model="gpt-4o", input="hi", text_format=Plan))
    assert isinstance(made.output_parsed, Plan)


def test_response_is_incomplete_at_the_token_limit(client: openai.OpenAI) -> None:
    """A text that does not fit makes the response incomplete."""
    made = client.responses.create(model="gpt-4o", input="hi", max_output_tokens=2)
    assert made.status == "incomplete"
    assert made.incomplete_details is not None
    assert made.incomplete_details.reason == "max_output_tokens"


@pytest.mark.parametrize("encoding", ["base64", "float"])
def test_embeddings_are_unit_vectors_that_repeat(ask: Any, encoding: Any) -> None:
    """Both encodings give the same vector for the same text, another for another text."""
    reply = ask(
        lambda client: client.embeddings.create(
            model="text-embedding-3-small", input=["a", "b", "a"], encoding_format=encoding
        )
    )
    first, second, again = (item.embedding for item in reply.data)
    if encoding == "base64":
        assert isinstance(first, str)
    else:
        assert len(first) == 1536
        assert math.isclose(sum(value * value for value in first), 1, rel_tol=1e-6)
    assert first == again != second


def test_embeddings_have_the_wanted_dimensions(client: openai.OpenAI) -> None:
    """The SDK's default request decodes to vectors of the requested or the model's length."""
    large = client.embeddings.create(model="text-embedding-3-large", input="a")
    assert len(large.data[0].embedding) == 3072
    small = client.embeddings.create(model="text-embedding-3-large", input=[1, 2], dimensions=8)
    assert [len(item.embedding) for item in small.data] == [8]
    assert small.usage.prompt_tokens == 2


def test_completion_answers_every_prompt(ask: Any) -> None:
    """A list of prompts gets one choice each."""
    reply = ask(
        lambda client: client.completions.create(model="gpt-3.5-turbo-instruct", prompt=["a", "b"])
    )
    assert [choice.text for choice in reply.choices] == ["Hello! How can I help you today?"] * 2


def test_moderation_has_one_result_per_text(ask: Any) -> None:
    """Each text of a list is judged."""
    reply = ask(lambda client: client.moderations.create(input=["a", "b"]))
    assert [result.flagged for result in reply.results] == [False, False]


def test_images_come_as_data_or_address(ask: Any) -> None:
    """Newer models send the image itself, older ones an address."""
    data = ask(lambda client: client.images.generate(model="gpt-image-1", prompt="a cat", n=2))
    assert len(data.data) == 2
    assert data.data[0].b64_json
    address = ask(lambda client: client.images.generate(model="dall-e-3", prompt="a cat"))
    assert address.data[0].url.startswith("https://")


def test_models_are_listed_and_found(ask: Any) -> None:
    """A listed model can be fetched, an unknown one cannot."""
    listed = ask(lambda client: client.models.list())
    assert "gpt-4o" in [model.id for model in listed.data]
    assert ask(lambda client: client.models.retrieve("gpt-4o")).id == "gpt-4o"
    with pytest.raises(openai.NotFoundError, match="nonesuch"):
        ask(lambda client: client.models.retrieve("nonesuch"))


def test_speech_is_binary(ask: Any) -> None:
    """Speech comes as bytes."""
    speech = ask(
        lambda client: client.audio.speech.create(model="tts-1", input="hi", voice="alloy")
    )
    assert speech.content.startswith(b"ID3")


def test_file_is_accepted(ask: Any) -> None:
    """An uploaded file is described as it was sent."""
    file = ("notes.txt", io.BytesIO(b"three lines\r\nof\r\ntext"))
    made = ask(lambda client: client.files.create(file=file, purpose="user_data"))
    assert (made.filename, made.bytes, made.purpose) == ("notes.txt", 21, "user_data")


def test_answer_carries_the_headers_of_the_provider(client: openai.OpenAI) -> None:
    """Every answer has a request id of its own and says how long it took."""
    raw = client.chat.completions.with_raw_response
    first = raw.create(model="gpt-4o", messages=HI)
    second = raw.create(model="gpt-4o", messages=HI)
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert first.headers["openai-processing-ms"].isdigit()


@pytest.mark.parametrize("place", ["deployments", "v1"])
def test_azure_is_served(ask: Any, space: Space, place: str) -> None:
    """Both of Azure's kinds of address work, with a key in its own header."""
    if place == "deployments":
        kind, options = openai.AzureOpenAI, {}
    else:
        kind, options = openai.OpenAI, {"base_url": f"{space.url}/openai/v1"}

    def calls(client: Any) -> Any:
        return client.chat.completions.create(model="chat-prod", messages=HI)

    assert ask(calls, kind, **options).model == "chat-prod"
    made = ask(lambda client: client.responses.create(model="d", input="hi"), kind, **options)
    assert made.output_text


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"messages": HI}, "you must provide a model parameter"),
        ({"model": "gpt-4o"}, "Missing required parameter: 'messages'"),
        ({"model": "gpt-4o", "messages": []}, "Invalid 'messages': empty array"),
        ({"model": "gpt-4o", "messages": "hi"}, "Invalid type for 'messages'"),
        ({"model": "gpt-4o", "messages": [{"content": "hi"}]}, r"messages\[0\].role"),
    ],
)
def test_incomplete_chat_request_is_refused(client: openai.OpenAI, body: Any, message: str) -> None:
    """What the provider always wants is wanted here."""
    with pytest.raises(openai.BadRequestError, match=message):
        client.post("/chat/completions", body=body, cast_to=object)


@pytest.mark.parametrize("path", ["/responses", "/embeddings"])
def test_request_without_input_is_refused(client: openai.OpenAI, path: str) -> None:
    """An input is wanted where the API wants one."""
    with pytest.raises(openai.BadRequestError) as caught:
        client.post(path, body={"model": "m"}, cast_to=object)
    assert caught.value.param == "input"
    assert caught.value.code == "missing_required_parameter"


@pytest.mark.parametrize("content", [b"{", b"[]", b"", b'{"model": NaN}', b"[" * 100_000])
def test_body_that_is_not_a_json_object_is_refused(client: openai.OpenAI, content: bytes) -> None:
    """Broken JSON gets the provider's 400."""
    with pytest.raises(openai.BadRequestError, match="could not parse the JSON body"):
        client.post("/chat/completions", content=content, cast_to=object)


def test_request_without_key_is_refused(client: openai.OpenAI) -> None:
    """No credentials, no answer."""
    with pytest.raises(openai.AuthenticationError, match="API key"):
        client.models.list(extra_headers={"Authorization": ""})


def test_unknown_address_is_refused_in_the_words_of_the_provider(client: openai.OpenAI) -> None:
    """An address that does not exist gets a 404 with a JSON body."""
    with pytest.raises(openai.NotFoundError, match=r"Invalid URL \(POST .*/v1/nonesuch\)"):
        client.post("/nonesuch", body={}, cast_to=object)


def test_lone_surrogates_in_a_request_are_echoed(client: openai.OpenAI) -> None:
    """Text that cannot be encoded comes back without breaking the answer."""
    made = client.post(
        "/responses",
        content=rb'{"model": "gpt-4o", "input": "hi", "user": "\ud800"}',
        cast_to=object,
    )
    assert isinstance(made, dict)
    assert made["user"] == "\ud800"
