"""Ugly input: whatever applications and servers send, a span comes out."""

from __future__ import annotations

import enum
import json
from typing import Any, Dict, Iterator, List

import pytest
from openai._types import NOT_GIVEN
from openai.types.chat import ChatCompletion

from arc_protocol import semconv
from runtime._calls import Api
from runtime._telemetry.content import plain, to_json
from runtime._telemetry.description import describe
from runtime._telemetry.spans import encode
from runtime.providers._openai_chat import ChatReader
from runtime.providers._openai_other import (
    CompletionsReader,
    EmbeddingsReader,
    GenericReader,
    ImagesReader,
    ModerationsReader,
)
from runtime.providers._openai_responses import ResponsesReader
from telemetry.calls import finished_call


class Untouchable:
    """An iterator that must not be consumed and an object that must not be called or judged."""

    def __iter__(self) -> Iterator[Any]:
        raise AssertionError("consumed")

    def __next__(self) -> Any:
        raise AssertionError("consumed")

    def __call__(self) -> Any:
        raise AssertionError("called")

    def __bool__(self) -> bool:
        raise AssertionError("judged")

    def __eq__(self, other: object) -> bool:
        raise AssertionError("compared")

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        raise AssertionError("shown")


class Level(enum.IntEnum):
    HIGH = 3


def cycle() -> List[Any]:
    value: List[Any] = ["in a cycle"]
    value.append(value)
    return value


def deep() -> Any:
    value: Any = "bottom"
    for _ in range(5000):
        value = {"type": "text", "text": [value]}
    return value


UGLY: Dict[str, Any] = {
    "none": None,
    "true": True,
    "nan": float("nan"),
    "infinity": float("inf"),
    "huge integer": 10**5000,
    "enumeration": Level.HIGH,
    "bytes": b"\xff",
    "lone surrogate": "a\ud800b",
    "huge string": "x" * 3_000_000,
    "data url without data": "data:",
    "deep json": "[" * 100_000,
    "set": {1, 2},
    "cycle": cycle(),
    "deep": deep(),
    "untouchable": Untouchable(),
    "list of untouchables": [Untouchable(), [Untouchable()]],
    "class": ChatCompletion,
    "sentinel": NOT_GIVEN,
    "other keys": {1: "one", None: "none", "a\udfff": b"", ("t",): 1},
    "sdk object": ChatCompletion.construct(id=1, choices="none", extra={"a": [b""]}),
}
CONTENT = {
    semconv.SYSTEM_INSTRUCTIONS,
    semconv.INPUT_MESSAGES,
    semconv.OUTPUT_MESSAGES,
    semconv.TOOL_DEFINITIONS,
}
READERS = {
    "chat": ChatReader(),
    "responses": ResponsesReader(),
    "completions": CompletionsReader(),
    "embeddings": EmbeddingsReader(),
    "moderations": ModerationsReader(),
    "images": ImagesReader(),
    "generic": GenericReader(),
}
ITEM_TYPES = [
    "message",
    "reasoning",
    "function_call",
    "function_call_output",
    "custom_tool_call",
    "image_generation_call",
    "web_search_call",
    "unknown",
    "text",
    "image_url",
    "input_audio",
    "file",
    "refusal",
    "summary_text",
]
EVENT_TYPES = [
    "response.created",
    "response.output_item.added",
    "response.output_item.done",
    "response.output_text.delta",
    "response.function_call_arguments.delta",
    "error",
]


class Everywhere(Dict[str, Any]):
    """A mapping in which every field that is not given has the same value."""

    def __init__(self, value: Any, **given: Any) -> None:
        super().__init__(given)
        self._value = value

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name, self._value)


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
@pytest.mark.parametrize("ugly", UGLY.values(), ids=UGLY)
def test_any_value_in_any_field_still_gives_a_span(reader: Any, ugly: Any) -> None:
    """A field of the wrong type is left out; nothing is consumed, called or compared."""
    inner = Everywhere(ugly)
    items = [
        ugly,
        inner,
        *(Everywhere(ugly, type=kind) for kind in ITEM_TYPES),
        Everywhere(ugly, role="tool"),
        Everywhere(inner, tool_calls=[inner, Everywhere(inner)], content=[ugly, inner]),
    ]
    events = [Everywhere(ugly, type=kind, output_index=0) for kind in EVENT_TYPES]
    choices = [Everywhere(inner), Everywhere(items[-1], index=1), ugly]
    whole = Everywhere(ugly, status="completed", choices=choices, output=items, data=items)
    listed = Everywhere(items, choices=choices)
    plain_body = {"model": ugly, "messages": ugly, "input": ugly, "tools": [ugly]}
    for value in (inner, Everywhere(inner), listed, whole, plain_body):
        folded = reader.chunks([ugly, value, *events, whole])
        for reply in (ugly, value, folded):
            call = finished_call(api=Api("chat", "chat", reader), body=value, reply=reply)
            span = encode(describe(call), capture_content=True)
            assert span.ByteSize() < 1024 * 1024
            for attribute in span.attributes:
                if attribute.key in CONTENT:
                    json.loads(attribute.value.string_value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (float("nan"), '"nan"'),
        (10**400, '"<int>"'),
        (Level.HIGH, "3"),
        (b"\xff", '"<bytes>"'),
        ("a\ud800b", '"a\ufffdb"'),
        ("\ud83d\ude00", '"\U0001f600"'),
        (NOT_GIVEN, '"<NotGiven>"'),
        ({1: (None, True)}, '{"1":[null,true]}'),
        (ChatCompletion.construct(id="x", choices=None), '{"id":"x"}'),
    ],
)
def test_what_json_cannot_say_becomes_readable_text(value: Any, text: str) -> None:
    """Content stays valid JSON that a person can make sense of."""
    assert to_json(value, limit=1000) == text


def test_a_copy_is_not_affected_by_what_the_application_does_later() -> None:
    """Applications go on working with what they have sent."""
    messages = [{"content": "first"}]
    copy = plain(messages, limit=1000)
    messages[0]["content"] = "second"
    assert copy == [{"content": "first"}]
