"""What is wrong with replies: each detector finds its failure, and leaves good replies alone."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Optional

import pytest

from arc_protocol import semconv
from arc_protocol.detection import kinds
from arc_protocol.detection.exchange import read

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"type": "function", "name": "weather", "parameters": CITY}


def text(words: str, **more: Any) -> Dict[str, Any]:
    return {"type": "text", "content": words, **more}


def call(name: str = "weather", arguments: Any = None) -> Dict[str, Any]:
    given = {"city": "Bonn"} if arguments is None else arguments
    return {"type": "tool_call", "id": "c", "name": name, "arguments": given}


def found(
    *parts: Dict[str, Any],
    reason: str = "stop",
    tools: Optional[List[Any]] = None,
    history: Optional[List[Any]] = None,
    **attributes: Any,
) -> List[str]:
    stated = {semconv.OPERATION_NAME: "chat", semconv.RESPONSE_FINISH_REASONS: [reason]}
    content: Dict[str, Any] = {
        semconv.INPUT_MESSAGES: history or [{"role": "user", "parts": [text("hi")]}],
        semconv.OUTPUT_MESSAGES: [
            {"role": "assistant", "parts": list(parts), "finish_reason": reason}
        ],
    }
    if tools is not None:
        content[semconv.TOOL_DEFINITIONS] = tools
    exchange = read({**stated, **attributes}, content)
    assert exchange is not None
    return kinds(exchange)


JSON = {semconv.OUTPUT_TYPE: "json"}


@pytest.mark.parametrize(
    ("parts", "given"),
    [
        ([text("Hello")], {}),
        ([text("I can't wait to tell you: it works!")], {}),
        ([text("Sorry, I cannot help with that. " + "But here is much. " * 40)], {}),
        ([text("ok")], {"reason": "end_turn"}),
        ([], {"reason": "error"}),
        ([], {"reason": ""}),
        ([{"type": "uri", "modality": "image", "uri": "https://x"}], {}),
        ([call()], {"tools": [WEATHER], "reason": "tool_calls"}),
        ([call(arguments="{"), text("x")], {"reason": "tool_calls"}),
        ([call("anything")], {}),
        ([call("computer")], {"tools": [{"type": "computer_use_preview", "name": "c"}, WEATHER]}),
        ([call(arguments="free text")], {"tools": [{"type": "custom", "name": "weather"}]}),
        ([call("now", "")], {"tools": [{"type": "function", "name": "now", "parameters": {}}]}),
        ([text('{"a": 1}')], JSON),
        ([text("{")], {}),
        ([call()], {**JSON, "tools": [WEATHER]}),
    ],
    ids=str,
)
def test_good_replies_are_left_alone(parts: Any, given: Any) -> None:
    assert found(*parts, **given) == []


@pytest.mark.parametrize(
    ("kind", "parts", "given"),
    [
        ("truncated", [text("Once upon")], {"reason": "length"}),
        ("truncated", [text("Once upon")], {"reason": "MAX_TOKENS"}),
        ("truncated", [text("{")], {"reason": "max_tokens", **JSON}),
        ("truncated", [call(arguments='{"ci')], {"reason": "length", "tools": [WEATHER]}),
        ("content_filter", [], {"reason": "content_filter"}),
        ("content_filter", [text("half")], {"reason": "SAFETY"}),
        ("empty_output", [], {}),
        ("empty_output", [text(" \n")], {}),
        ("empty_output", [{"type": "reasoning", "content": "hm"}], {}),
        ("refused", [text("No.", refusal=True)], {}),
        ("refused", [], {"reason": "refusal"}),
        ("refused", [text("I\u2019m sorry, but I can\u2019t assist with that.")], {}),
        ("refused", [text("I am unable to provide that.")], {}),
        ("refused", [text("Sorry, I cannot help with this request.")], {}),
        ("invalid_json", [text('```json\n{"a": 1}\n```')], JSON),
        ("invalid_json", [text("Sure! Here it is")], JSON),
        ("unknown_tool", [call("multi_tool_use.parallel")], {"tools": [WEATHER]}),
        ("invalid_tool_arguments", [call(arguments='{"city": "San Fra')], {"tools": [WEATHER]}),
        ("invalid_tool_arguments", [call(arguments={"town": "x"})], {"tools": [WEATHER]}),
        ("invalid_tool_arguments", [call(arguments={"city": 5})], {"tools": [WEATHER]}),
        ("invalid_tool_arguments", [call(arguments=["Bonn"])], {"tools": [WEATHER]}),
        ("invalid_tool_arguments", [], {"reason": "MALFORMED_FUNCTION_CALL"}),
    ],
    ids=str,
)
def test_each_failure_is_found_and_nothing_else(kind: str, parts: Any, given: Any) -> None:
    assert found(*parts, **given) == [kind]


def test_the_cause_comes_before_what_follows_from_it() -> None:
    """Thinking has taken all the tokens."""
    assert found({"type": "reasoning", "content": "hm"}, reason="length") == [
        "empty_output",
        "truncated",
    ]
    assert found(text("Sorry, I can't help with that."), **JSON) == ["refused", "invalid_json"]


def turn(*calls: Dict[str, Any]) -> List[Dict[str, Any]]:
    result = {"type": "tool_call_response", "id": "c", "response": "a b"}
    return [{"role": "assistant", "parts": list(calls)}, {"role": "tool", "parts": [result]}]


ASKED = {"role": "user", "parts": [text("fix it")]}


@pytest.mark.parametrize(
    ("history", "looping"),
    [
        ([ASKED], False),
        ([ASKED, *turn(call())], False),
        ([ASKED, *turn(call()), *turn(call())], True),
        ([ASKED, *turn(call()), *turn(call(arguments={"city": "Ulm"})), *turn(call())], True),
        ([ASKED, *turn(call()), *turn(call(arguments={"city": "Ulm"}))], False),
        ([ASKED, *turn(call()), *turn(call()), ASKED], False),
    ],
)
def test_the_same_call_for_the_third_time_is_a_loop(history: Any, looping: bool) -> None:
    expected = ["repeated_tool_call"] if looping else []
    assert found(call(), tools=[WEATHER], history=history) == expected


def test_results_in_messages_of_the_user_are_nobody_speaking() -> None:
    result = {"role": "user", "parts": [{"type": "tool_call_response", "response": "a"}]}
    made = {"role": "assistant", "parts": [call()]}
    assert found(call(), history=[ASKED, made, result, made, result]) == ["repeated_tool_call"]


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": "integer"}, [1, 2.0, -5], [1.5, "1", True, None]),
        ({"type": "number"}, [1, 1.5], ["1", False]),
        ({"type": ["string", "null"]}, ["", None], [0]),
        ({"type": "STRING", "nullable": True}, ["", None], [0]),
        ({"enum": ["a", "b"]}, ["a"], ["c", None]),
        ({"const": 3}, [3], [4]),
        ({"items": {"type": "string"}}, [[], ["a"], "no list"], [[1]]),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, ["a", None], [1]),
        ({"allOf": [{"type": "object"}, {"required": ["a"]}]}, [{"a": 1}], [{}, 1]),
        ({"properties": {"a": {"type": "string"}}}, [{}, {"b": 1}], [{"a": 1}]),
        ({"properties": {"a": {}}, "additionalProperties": False}, [{"a": 1}], [{"b": 1}]),
        ({"$ref": "#/$defs/x"}, [1, "a", None], []),
        ({"type": "unheard-of", "minimum": "?", "required": "a"}, [1, {}], []),
        ({"patternProperties": {"^x": {}}, "additionalProperties": False}, [{"x1": 1}], []),
        (5, [1, "a"], []),
    ],
    ids=str,
)
def test_schemas_forbid_only_what_they_surely_forbid(schema: Any, good: Any, bad: Any) -> None:
    parameters = {"type": "object", "properties": {"v": schema}}
    tool = {"type": "function", "name": "t", "parameters": parameters}
    for value in good:
        assert found(call("t", {"v": value}), tools=[tool]) == []
    for value in bad:
        assert found(call("t", {"v": value}), tools=[tool]) == ["invalid_tool_arguments"]


@pytest.mark.parametrize("bad", [5, "x", None, [5], [None], {"parts": 5}, [{"parts": [5]}]])
def test_what_makes_no_sense_is_no_failure_of_ours(bad: Any) -> None:
    content = dict.fromkeys(
        (semconv.OUTPUT_MESSAGES, semconv.INPUT_MESSAGES, semconv.TOOL_DEFINITIONS), bad
    )
    exchange = read({semconv.RESPONSE_FINISH_REASONS: bad, semconv.OPERATION_NAME: bad}, content)
    assert exchange is None or kinds(exchange) == []


def test_without_content_finish_reasons_are_all_there_is() -> None:
    for reason, expected in (("length", ["truncated"]), ("stop", [])):
        exchange = read(
            {semconv.RESPONSE_FINISH_REASONS: [reason], semconv.OPERATION_NAME: "chat"}, {}
        )
        assert exchange is not None
        assert kinds(exchange) == expected
    assert read({}, {}) is None


def test_deep_values_are_judged_without_end() -> None:
    schema: Dict[str, Any] = {"type": "string"}
    value: Any = 1
    for _ in range(500):
        schema, value = {"type": "object", "properties": {"a": schema}}, {"a": value}
    tool = {"type": "function", "name": "t", "parameters": schema}
    assert found(call("t", value), tools=[tool]) == []
    assert json.dumps(value)
