"""Readings of the smaller OpenAI APIs."""

from __future__ import annotations

from openai.types import Completion, CreateEmbeddingResponse, ImagesResponse

from runtime.providers._openai_other import (
    CompletionsReader,
    EmbeddingsReader,
    GenericReader,
    ImagesReader,
    ModerationsReader,
)


def test_embeddings_tell_dimensions_format_and_input_tokens() -> None:
    """An embedding has no output tokens, and its vectors are not content."""
    body = {
        "model": "text-embedding-3-small",
        "dimensions": 256,
        "encoding_format": "base64",
        "input": ["one", "two"],
    }
    reading = EmbeddingsReader().request(body)
    assert reading.attributes == {
        "gen_ai.request.model": "text-embedding-3-small",
        "gen_ai.embeddings.dimension.count": 256,
        "gen_ai.request.encoding_formats": ["base64"],
    }
    assert reading.content["gen_ai.input.messages"][0]["parts"] == [
        {"type": "text", "content": "one"},
        {"type": "text", "content": "two"},
    ]
    reply = CreateEmbeddingResponse.construct(
        model="m", data=[{"embedding": [0.1]}], usage={"prompt_tokens": 5, "total_tokens": 5}
    )
    replied = EmbeddingsReader().reply(reply)
    assert replied.attributes == {"gen_ai.response.model": "m", "gen_ai.usage.input_tokens": 5}
    assert replied.content == {}


def test_text_given_as_token_numbers_is_left_out() -> None:
    """Token numbers are not text that anybody could read."""
    assert EmbeddingsReader().request({"input": [[1, 2], [3]]}).content == {}


def test_completions_tell_prompt_text_and_reasons() -> None:
    """The older API has texts instead of messages."""
    body = {"model": "gpt-3.5-turbo-instruct", "prompt": "Say", "max_tokens": 5, "n": 2}
    reading = CompletionsReader().request(body)
    assert reading.attributes == {
        "gen_ai.request.model": "gpt-3.5-turbo-instruct",
        "gen_ai.request.max_tokens": 5,
        "gen_ai.request.choice.count": 2,
    }
    reply = Completion.construct(
        id="cmpl-1",
        model="m",
        choices=[{"index": 0, "text": "hi", "finish_reason": "length"}],
        usage={"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    )
    replied = CompletionsReader().reply(reply)
    assert replied.attributes == {
        "gen_ai.response.id": "cmpl-1",
        "gen_ai.response.model": "m",
        "gen_ai.response.finish_reasons": ["length"],
        "gen_ai.usage.input_tokens": 1,
        "gen_ai.usage.output_tokens": 2,
    }
    assert replied.content["gen_ai.output.messages"] == [
        {
            "role": "assistant",
            "parts": [{"type": "text", "content": "hi"}],
            "finish_reason": "length",
        }
    ]


def test_streamed_completions_fold_per_choice() -> None:
    """Several choices come interleaved."""
    reader = CompletionsReader()
    folded = reader.chunks(
        [
            Completion.construct(id="c", model="m", choices=[{"index": 1, "text": "B"}]),
            Completion.construct(id="c", model="m", choices=[{"index": 0, "text": "A"}]),
        ]
    )
    last = {"choices": [{"index": 0, "text": "a", "finish_reason": "stop"}]}
    reading = reader.reply(reader.chunks([last], folded))
    assert reading.attributes["gen_ai.response.finish_reasons"] == ["stop", "error"]
    texts = [message["parts"] for message in reading.content["gen_ai.output.messages"]]
    assert texts == [[{"type": "text", "content": "Aa"}], [{"type": "text", "content": "B"}]]


def test_moderations_tell_what_was_asked() -> None:
    """The input may hold images beside text."""
    body = {
        "model": "omni-moderation-latest",
        "input": [
            {"type": "text", "text": "bad?"},
            {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        ],
    }
    reading = ModerationsReader().request(body)
    assert reading.attributes == {"gen_ai.request.model": "omni-moderation-latest"}
    assert reading.content["gen_ai.input.messages"][0]["parts"] == [
        {"type": "text", "content": "bad?"},
        {"type": "uri", "modality": "image", "uri": "https://example.com/a.png"},
    ]


def test_images_tell_addresses_and_leave_pictures_out() -> None:
    """A picture in the reply is megabytes of base64."""
    request = ImagesReader().request({"model": "gpt-image-1", "prompt": "A cat", "n": 2})
    assert request.attributes == {
        "gen_ai.request.model": "gpt-image-1",
        "gen_ai.request.choice.count": 2,
        "gen_ai.output.type": "image",
    }
    reply = ImagesResponse.construct(
        created=1,
        data=[{"url": "https://example.com/cat.png"}, {"b64_json": "AAAA"}],
        usage={
            "input_tokens": 4,
            "output_tokens": 100,
            "total_tokens": 104,
            "input_tokens_details": {"text_tokens": 4, "image_tokens": 0},
        },
    )
    reading = ImagesReader().reply(reply)
    assert reading.attributes == {
        "gen_ai.usage.input_tokens": 4,
        "gen_ai.usage.output_tokens": 100,
        "gen_ai.usage.text.input_tokens": 4,
    }
    assert reading.content["gen_ai.output.messages"][0]["parts"] == [
        {"type": "uri", "modality": "image", "uri": "https://example.com/cat.png"}
    ]


def test_an_unknown_api_tells_model_and_tokens_and_no_content() -> None:
    """What most APIs have in common is read, whatever this one is."""
    reader = GenericReader()
    request = reader.request({"model": "m", "input": "secret"})
    assert (request.attributes, request.content) == ({"gen_ai.request.model": "m"}, {})
    last = {"id": "x", "model": "m-1", "usage": {"prompt_tokens": 1, "completion_tokens": 2}}
    assert reader.reply(reader.chunks([last], reader.chunks([{"id": "first"}]))).attributes == {
        "gen_ai.response.id": "x",
        "gen_ai.response.model": "m-1",
        "gen_ai.usage.input_tokens": 1,
        "gen_ai.usage.output_tokens": 2,
    }
