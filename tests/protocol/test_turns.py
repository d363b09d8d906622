"""What a call adds to its run, in hashes."""

from __future__ import annotations

import json
from typing import Any, Dict, Tuple

import pytest

from arc_protocol.turns import Turn, turn

SYSTEM = "You look things up."


def text(role: str, words: str) -> Dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": words}]}


def asks(name: str, arguments: Any, number: str = "call_1") -> Dict[str, Any]:
    part = {"type": "tool_call", "id": number, "name": name, "arguments": arguments}
    return {"role": "assistant", "parts": [part]}


def result(words: str, number: str = "call_1") -> Dict[str, Any]:
    return {
        "role": "tool",
        "parts": [{"type": "tool_call_response", "id": number, "response": words}],
    }


def call(*messages: Dict[str, Any], reply: Dict[str, Any]) -> Turn:
    made = turn(
        {
            "gen_ai.system_instructions": [{"type": "text", "content": SYSTEM}],
            "gen_ai.input.messages": list(messages),
            "gen_ai.output.messages": [{**reply, "finish_reason": "stop"}],
        }
    )
    assert made is not None
    assert Turn.parse(made.to_json()) == made
    return made


def test_equal_calls_of_tools_are_equal_whatever_their_ids_and_the_order_of_arguments() -> None:
    """Also where the arguments are still JSON in a string."""
    one = call(text("user", "?"), reply=asks("look", {"a": 1, "b": 2}))
    same = call(text("user", "?"), reply=asks("look", '{"b": 2, "a": 1}', "call_9"))
    assert one.tools == same.tools
    assert len(one.tools) == 1
    for other in (asks("look", {"a": 1, "b": 3}), asks("see", {"a": 1, "b": 2})):
        assert call(text("user", "?"), reply=other).tools != one.tools


def test_news_are_what_came_after_the_models_last_words() -> None:
    begin = text("user", "Find it.")
    first = call(begin, reply=asks("look", {}))
    later = call(begin, asks("look", {}), result("nothing"), reply=asks("look", {}, "call_2"))
    again = call(
        *(begin, asks("look", {}), result("nothing"), asks("look", {}, "call_2")),
        result("nothing", "call_2"),
        reply=asks("look", {}, "call_3"),
    )
    assert (first.messages, first.beginning, first.spoken) == (1, 1, True)
    assert (again.messages, again.beginning, again.spoken) == (5, 1, False)
    assert first.begin == later.begin == again.begin
    assert first.news != later.news == again.news
    assert first.reply == later.reply


def test_nothing_of_what_was_said_is_in_it() -> None:
    made = call(text("user", "my secret"), reply=asks("look", {"secret": "secret"}))
    assert "secret" not in made.to_json()
    assert len(made.to_json()) < 250


def test_without_a_reply_there_is_nothing_to_tell() -> None:
    assert turn({"gen_ai.input.messages": [text("user", "?")]}) is None
    assert turn({}) is None


@pytest.mark.parametrize(
    "odd",
    [
        *("", "[]", "null", "{", '"x"'),
        *(
            json.dumps({**call(text("user", "?"), reply=asks("f", {}))._asdict(), **change})
            for change in (
                *({"messages": "1"}, {"tools": [1]}, {"tools": None}, {"more": 1}),
                *({"spoken": 1}, {"reply": None}),
            )
        ),
    ],
)
def test_what_is_no_turn_is_read_as_none(odd: str) -> None:
    """Anybody may have sent it."""
    assert Turn.parse(odd) is None


def test_odd_content_raises_nothing() -> None:
    """Whatever an instrumentation has put into messages."""
    odd: Tuple[Any, ...] = (None, 1, "x", [1], {"parts": 3}, {"parts": [None, {"type": []}]})
    for each in odd:
        turn({"gen_ai.input.messages": each, "gen_ai.output.messages": [each]})
        turn({"gen_ai.input.messages": [each], "gen_ai.output.messages": each})
