"""Applications append to the list that they have sent; telemetry tells what was sent."""

from __future__ import annotations

import json
from typing import Any, Dict, List

import jsonpatch
import openai
import pytest

from runtime import Arc
from telemetry.receiver import Receiver

SYSTEM = {"role": "system", "content": "Be brief"}


def call_and_append(
    arc: Arc, client: openai.OpenAI, receiver: Receiver, temperature: float = 0.95
) -> Dict[str, Any]:
    """Append before the call has ended, when nothing can have read the list yet."""
    messages: List[Any] = [{"role": "user", "content": "Write a poem"}]
    # `create` copies the list in most versions of the SDK, this does not
    stream = client.post(
        "/chat/completions",
        body={
            "model": "gpt-4.1",
            "messages": messages,
            "temperature": temperature,
            "stream": True,
        },
        cast_to=openai.types.chat.ChatCompletionChunk,
        stream=True,
        stream_cls=openai.Stream[openai.types.chat.ChatCompletionChunk],
    )
    messages.append({"role": "assistant", "content": "Later words"})
    assert list(stream)
    assert arc.flush(10)
    [span] = receiver.spans
    return {
        each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes
    }


def fields(span: Dict[str, Any]) -> List[str]:
    changed = span.get("arc.fix.fields")
    return [] if changed is None else [each.string_value for each in changed.values]


@pytest.mark.parametrize("mode", ["enforce", "observe"])
def test_difference_names_only_what_the_fix_changes(
    mode: str, start: Any, receiver: Receiver, client: openai.OpenAI
) -> None:
    """What the application appended is in neither the messages nor the difference."""
    span = call_and_append(start(mode=mode), client, receiver)
    assert fields(span) == ["temperature"]
    assert json.loads(span["arc.fix.diff"]) == [
        {"op": "replace", "path": "/temperature", "value": 0.7}
    ]
    assert "Later words" not in span["gen_ai.input.messages"]


@pytest.mark.parametrize("mode", ["enforce", "observe"])
def test_fix_of_the_list_itself_is_told(
    mode: str, start: Any, receiver: Receiver, client: openai.OpenAI
) -> None:
    """A fix that changes the messages is shown against the messages as they were."""
    arc = start(mode=mode)
    arc.register_pattern({"temperature": 0.1}, {"messages": {"prepend": SYSTEM}})
    span = call_and_append(arc, client, receiver, temperature=0.1)
    assert fields(span) == ["messages"]
    as_it_was = {"messages": [{"role": "user", "content": "Write a poem"}]}
    fixed = jsonpatch.apply_patch(as_it_was, span["arc.fix.diff"])
    assert fixed == {"messages": [SYSTEM, *as_it_was["messages"]]}


@pytest.mark.parametrize("mode", ["enforce", "observe"])
@pytest.mark.parametrize("fix", [{"temperature": 0.1}, None], ids=["no change", "no match"])
def test_unchanged_request_has_no_difference(
    mode: str, fix: Any, start: Any, receiver: Receiver, client: openai.OpenAI
) -> None:
    """Neither a match that changes nothing nor none at all names a field."""
    arc = start(mode=mode)
    if fix is not None:
        arc.register_pattern({"temperature": 0.1}, fix)
    span = call_and_append(arc, client, receiver, temperature=0.1)
    assert fields(span) == []
    assert "arc.fix.diff" not in span
