"""Every way to make a call with the OpenAI SDK: one table, the same for all its versions."""

from __future__ import annotations

from typing import Any, Callable, Dict

from openai.types.chat import ChatCompletion

import sdk_features

RISKY: Dict[str, Any] = {
    "model": "gpt-4.1",
    "messages": [{"role": "user", "content": "Write a poem about Python"}],
    "temperature": 0.95,
}
RISKY_INPUT: Dict[str, Any] = {
    "model": "gpt-4.1",
    "input": "Write a poem about Python",
    "temperature": 0.95,
}


def _stream(client: Any) -> Any:
    return "".join(
        chunk.choices[0].delta.content or ""
        for chunk in client.chat.completions.create(**RISKY, stream=True)
        if chunk.choices
    )


def _stream_in_block(client: Any) -> Any:
    with client.chat.completions.create(**RISKY, stream=True) as stream:
        return [chunk.id for chunk in stream].pop()


def _raw(client: Any) -> Any:
    return client.chat.completions.with_raw_response.create(**RISKY).parse().id


def _raw_stream(client: Any) -> Any:
    stream = client.chat.completions.with_raw_response.create(**RISKY, stream=True).parse()
    return [chunk.id for chunk in stream].pop()


def _streaming_response(client: Any) -> Any:
    with client.chat.completions.with_streaming_response.create(**RISKY) as response:
        return response.parse().id


def _post(client: Any) -> Any:
    return client.post("/chat/completions", body=dict(RISKY), cast_to=ChatCompletion).id


def _stream_helper(client: Any) -> Any:
    with client.chat.completions.stream(**RISKY) as stream:
        return stream.get_final_completion().id


def _responses_stream(client: Any) -> Any:
    events = list(client.responses.create(**RISKY_INPUT, stream=True))
    return events[-1].response.id


def _responses_helper(client: Any) -> Any:
    with client.responses.stream(**RISKY_INPUT) as stream:
        return stream.get_final_response().id


SHAPES: Dict[str, Callable[[Any], Any]] = {
    "create": lambda client: client.chat.completions.create(**RISKY).id,
    "stream": _stream,
    "raw": _raw,
    "raw stream": _raw_stream,
    "post": _post,
    "with_options": lambda client: (
        client.with_options(timeout=30).chat.completions.create(**RISKY).id
    ),
    "extra_body": lambda client: (
        client.chat.completions.create(
            model="gpt-4.1", messages=RISKY["messages"], extra_body={"temperature": 0.95}
        ).id
    ),
}
if sdk_features.STREAMS_CLOSE:
    SHAPES["stream in a with block"] = _stream_in_block
if sdk_features.STREAMING_RESPONSE:
    SHAPES["streaming response"] = _streaming_response
if sdk_features.PARSE:
    SHAPES["parse"] = lambda client: client.chat.completions.parse(**RISKY).id
if sdk_features.STREAM_HELPER:
    SHAPES["stream helper"] = _stream_helper
if sdk_features.BETA_CHAT:
    SHAPES["beta parse"] = lambda client: client.beta.chat.completions.parse(**RISKY).id
if sdk_features.RESPONSES:
    SHAPES["responses"] = lambda client: client.responses.create(**RISKY_INPUT).id
    SHAPES["responses stream"] = _responses_stream
    SHAPES["responses parse"] = lambda client: client.responses.parse(**RISKY_INPUT).id
    SHAPES["responses stream helper"] = _responses_helper


async def _async_create(client: Any) -> Any:
    return (await client.chat.completions.create(**RISKY)).id


async def _async_stream(client: Any) -> Any:
    return [chunk.id async for chunk in await client.chat.completions.create(**RISKY, stream=True)]


async def _async_raw(client: Any) -> Any:
    return (await client.chat.completions.with_raw_response.create(**RISKY)).parse().id


async def _async_raw_stream(client: Any) -> Any:
    raw = await client.chat.completions.with_raw_response.create(**RISKY, stream=True)
    return [chunk.id async for chunk in raw.parse()]


async def _async_streaming_response(client: Any) -> Any:
    made = client.chat.completions.with_streaming_response.create(**RISKY)
    async with made as response:
        return (await response.parse()).id


async def _async_stream_helper(client: Any) -> Any:
    async with client.chat.completions.stream(**RISKY) as stream:
        return (await stream.get_final_completion()).id


async def _async_responses(client: Any) -> Any:
    return (await client.responses.create(**RISKY_INPUT)).id


async def _async_responses_stream(client: Any) -> Any:
    stream = await client.responses.create(**RISKY_INPUT, stream=True)
    return [event async for event in stream][-1].response.id


async def _async_responses_helper(client: Any) -> Any:
    async with client.responses.stream(**RISKY_INPUT) as stream:
        return (await stream.get_final_response()).id


async def _async_post(client: Any) -> Any:
    made = client.post("/chat/completions", body=dict(RISKY), cast_to=ChatCompletion)
    return (await made).id


async def _async_with_options(client: Any) -> Any:
    return (await client.with_options(timeout=30).chat.completions.create(**RISKY)).id


async def _async_parse(client: Any) -> Any:
    return (await client.chat.completions.parse(**RISKY)).id


async def _async_responses_parse(client: Any) -> Any:
    return (await client.responses.parse(**RISKY_INPUT)).id


ASYNC_SHAPES: Dict[str, Callable[[Any], Any]] = {
    "create": _async_create,
    "stream": _async_stream,
    "raw": _async_raw,
    "raw stream": _async_raw_stream,
    "post": _async_post,
    "with_options": _async_with_options,
}
if sdk_features.STREAMING_RESPONSE:
    ASYNC_SHAPES["streaming response"] = _async_streaming_response
if sdk_features.STREAM_HELPER:
    ASYNC_SHAPES["stream helper"] = _async_stream_helper
if sdk_features.RESPONSES:
    ASYNC_SHAPES["responses"] = _async_responses
    ASYNC_SHAPES["responses stream"] = _async_responses_stream
    ASYNC_SHAPES["responses parse"] = _async_responses_parse
    ASYNC_SHAPES["responses stream helper"] = _async_responses_helper
if sdk_features.PARSE:
    ASYNC_SHAPES["parse"] = _async_parse
