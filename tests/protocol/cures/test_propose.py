"""What errors say and what is proposed for it, on models and messages of no particular provider."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Optional

import pytest

from arc_protocol.cures import Cure, ErrorFacts, propose
from arc_protocol.patterns.fixes import compile_fix

TOOL = {"type": "function", "function": {"name": "find it", "parameters": {"type": "object"}}}
REQUEST: Dict[str, Any] = {
    "model": "vega-2",
    "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}],
}


def cures(message: str, request: Dict[str, Any], **fields: Any) -> List[Cure]:
    facts = ErrorFacts(**{"status": 400, "message": message, **fields})
    return propose(facts, {**REQUEST, **request}, "vega", "chat")


def first(message: str, request: Dict[str, Any], **fields: Any) -> Optional[Dict[str, Any]]:
    found = cures(message, request, **fields)
    return found[0].fix if found and found[0].confidence == "strong" else None


@pytest.mark.parametrize(
    ("message", "request_", "fix"),
    [
        # refused, as they are or for another one
        ("Unsupported parameter: 'top_k'.", {"top_k": 5}, {"top_k": None}),
        ("top_k: Extra inputs are not permitted", {"top_k": 5}, {"top_k": None}),
        ("Unrecognized request argument supplied: top_k", {"top_k": 5}, {"top_k": None}),
        ("`temperature` is deprecated for this model.", {"temperature": 1}, {"temperature": None}),
        ("property 'logit_bias' is unsupported", {"logit_bias": {}}, {"logit_bias": None}),
        (
            "vega-2 does not support the parameter frequencyPenalty",
            {"frequency_penalty": 1},
            {"frequency_penalty": None},
        ),
        (
            "Unsupported parameter: 'max_tokens'. Use 'max_output_tokens' instead.",
            {"max_tokens": 9},
            {"max_tokens": {"rename": "max_output_tokens"}},
        ),
        (
            "max_tokens is deprecated in favor of max_completion_tokens",
            {"max_tokens": 9},
            {"max_tokens": {"rename": "max_completion_tokens"}},
        ),
        (
            "Unknown parameter: 'max_length'. Did you mean 'max_tokens'?",
            {"max_length": 9},
            {"max_length": {"rename": "max_tokens"}},
        ),
        (
            "`temperature` and `top_p` cannot both be specified for this model.",
            {"temperature": 1, "top_p": 0.5},
            {"top_p": None},
        ),
        (
            "top_logprobs is only allowed when logprobs is enabled",
            {"top_logprobs": 2},
            {"top_logprobs": None},
        ),
        # values
        (
            "temperature must be 1 for this model",
            {"temperature": 0.2},
            {"temperature": 1},
        ),
        (
            "invalid temperature: only 0.6 is allowed for this model",
            {"temperature": 1},
            {"temperature": 0.6},
        ),
        (
            "enable_thinking must be set to false for non-streaming calls",
            {"enable_thinking": True},
            {"enable_thinking": False},
        ),
        (
            "Only the default (1) value is supported for 'n'.",
            {"n": 3},
            {"n": None},
        ),
        (
            "Invalid value: 'xhigh'. Supported values are: 'low', 'medium', and 'high'.",
            {"reasoning_effort": "xhigh"},
            {"reasoning_effort": {"map": {"xhigh": "high"}}},
        ),
        (
            "Input should be 'auto', 'default' or 'flex'",
            {"service_tier": "Flex"},
            {"service_tier": {"map": {"Flex": "flex"}}},
        ),
        # limits
        ("temperature must be between 0 and 1", {"temperature": 1.5}, 1),
        ("temperature: range: 0..1", {"temperature": 0.5}, None),
        ("Invalid top_p value, the valid range of top_p is (0, 1.0]", {"top_p": 1.5}, 1),
        ("'temperature' must be less than or equal to 2", {"temperature": 3}, 2),
        ("`n` should be at most 8", {"n": 12}, 8),
        ("Expected a value <= 1, but got 3 instead for 'temperature'.", {"temperature": 3}, 1),
        ("max_tokens: 90000 > 8192, the maximum", {"max_tokens": 90000}, 8192),
        ("The maximum tokens you requested exceeds the limit of 4096", {"max_tokens": 5000}, 4096),
        ("max_tokens cannot exceed 16,384", {"max_tokens": 20000}, 16384),
        ("max_tokens must be greater than 0", {"max_tokens": 0}, 1),
        ("'top_logprobs' must be at least 1", {"top_logprobs": 0}, 1),
        # types
        ("'max_tokens' is not of type 'integer'", {"max_tokens": "64"}, 64),
        ("temperature: Input should be a valid number", {"temperature": "0.5"}, 0.5),
        ("user: Input should be a valid string", {"user": 7}, "7"),
        ("'stop' must not be null", {"stop": None}, {"stop": None}),
        ("'logprobs' must be a boolean", {"logprobs": "true"}, True),
    ],
)
def test_words_lead_to_a_change(message: str, request_: Dict[str, Any], fix: Any) -> None:
    """The first cure is strong and does what the words say: a document, or the value it makes."""
    found = first(message, request_, param=_param(message, request_))
    if fix is None or isinstance(fix, dict):
        assert found == fix
        return
    assert found is not None
    fixed, _ = compile_fix(found, "fix").apply(request_, {})
    assert list(fixed.values()) == [fix]


def _param(message: str, request: Dict[str, Any]) -> Optional[str]:
    """Where the words do not name the parameter, the error's field does, as providers do it."""
    name = next(iter(request))
    plain = name.replace("_", "").lower() in message.replace("_", "").lower()
    return None if plain and name not in ("stop", "user") else name


@pytest.mark.parametrize(
    ("message", "request_"),
    [
        ("Incorrect API key provided: sk-abc.", {"temperature": 1}),
        ("The model `vega-9` does not exist or you do not have access to it.", {"temperature": 1}),
        ("Your request was rejected by our safety system.", {"top_p": 1, "max_tokens": 5}),
        ("Could not parse the JSON body of your request.", {"temperature": 1}),
        ("Billing hard limit has been reached", {"max_tokens": 5}),
        ("Invalid request.", {"temperature": 1, "tools": [TOOL]}),
        ("The image could not be downloaded.", {"max_tokens": 100}),
        ("", {"temperature": 1}),
        ("Unsupported parameter: 'top_k'.", {"temperature": 1}),
        ("prompt is too long: 219898 tokens > 200000 maximum", {"max_tokens": 4096}),
    ],
)
def test_words_without_a_cure_lead_to_nothing(message: str, request_: Dict[str, Any]) -> None:
    """Nothing is proposed where the words say nothing of a parameter that the request has."""
    assert [cure.fix for cure in cures(message, request_)] == []


@pytest.mark.parametrize("status", [401, 403, 408, 429, 500, 503, 200])
def test_errors_that_pass_lead_to_nothing(status: int) -> None:
    """What a key, a quota or the server is to blame for is no reason to change the request."""
    assert cures("'top_p' is not supported", {"top_p": 1}, status=status) == []


WORDS = "'top_p' is not supported"
ENVELOPES = {
    "SDK": f"Error code: 400 - {{'error': {{'message': \"{WORDS}\", 'code': None}}}}",
    "JSON": json.dumps({"error": {"message": WORDS}}),
    "JSON in JSON": json.dumps({"message": json.dumps({"error": {"message": WORDS}})}),
    "list": json.dumps([{"error": {"message": WORDS}}]),
    "text as error": json.dumps({"code": "bad", "error": WORDS}),
    "Bedrock": json.dumps({"Error": {"Code": "ValidationException", "Message": WORDS}}),
    "cut": f"Error code: 400 - {{'error': {{'message': \"{WORDS}\", 'code': 'unsu",
    "pydantic": json.dumps(
        {"detail": [{"loc": ["body", "top_p"], "msg": "Extra inputs are not permitted"}]}
    ),
}


@pytest.mark.parametrize("envelope", ENVELOPES)
def test_envelopes_are_opened(envelope: str) -> None:
    """However the words are wrapped, they are read."""
    assert first(ENVELOPES[envelope], {"top_p": 1}) == {"top_p": None}


def test_wrapping_does_not_add_words() -> None:
    """The names of a body's own fields are no parameters that the error names."""
    text = json.dumps({"error": {"message": "not supported", "metadata": 1, "user_id": 4}})
    assert cures(text, {"user_id": "u", "metadata": {}}) == []


def test_blame_without_a_reason_is_weak() -> None:
    """A parameter that is blamed in words that explain nothing may be what to leave out."""
    found = cures("Something is wrong here.", {"top_p": 1}, param="top_p")
    assert [(cure.fix, cure.confidence) for cure in found] == [({"top_p": None}, "weak")]


def test_messages_model_and_tools_are_never_removed() -> None:
    """What the request is about is not taken away, whatever the words are."""
    for name in ("messages", "model", "tools"):
        request = {"tools": [TOOL]}
        for cure in cures(f"'{name}' is not supported", request, param=name):
            fixed, _ = compile_fix(cure.fix, "fix").apply({**REQUEST, **request}, {})
            assert fixed.get(name)


def test_room_for_the_reply_is_what_the_prompt_leaves() -> None:
    """A reply that does not fit beside the prompt is limited, with a few tokens to spare."""
    text = (
        "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens "
        "(5000 in the messages, 4000 in the completion)."
    )
    found = first(text, {"max_tokens": 4000})
    assert found is not None
    assert 3000 < found["max_tokens"]["clamp"]["high"] < 3192


def test_a_number_that_must_exceed_another_follows_it() -> None:
    """A bound that is another parameter is written as a reference, so that it fits other calls."""
    text = "`max_tokens` must be greater than `thinking.budget_tokens`."
    found = first(text, {"max_tokens": 1000, "thinking": {"budget_tokens": 2000}})
    low = {"field": "thinking.budget_tokens", "plus": 1024}
    assert found == {"max_tokens": {"clamp": {"low": low}}}


def test_faults_of_messages_need_both_words_and_fault() -> None:
    """A repair is proposed where the history has the fault that the words name, and only there."""
    words = "roles must alternate between user and assistant"
    twice = {"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]}
    assert first(words, twice) == {"messages": {"repair": "consecutive_roles"}}
    assert cures(words, {}) == []
    assert cures("that is wrong", twice) == []


def test_names_take_the_form_that_is_asked_for() -> None:
    """A name that has not the stated form is brought into it."""
    words = "Invalid 'tools[0].function.name': string does not match pattern '^[a-zA-Z0-9_-]+$'."
    found = first(words, {"tools": [TOOL]})
    assert found == {"tools[*].function.name": {"sanitize": "^[a-zA-Z0-9_-]{1,64}$"}}


def test_keywords_of_schemas_leave_the_schemas() -> None:
    """A keyword that is refused goes, wherever schemas of tools have it."""
    schema = {"type": "object", "properties": {"a": {"type": "string", "minLength": 2}}}
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
    found = first("Invalid schema for function 'f': minLength is not permitted", {"tools": [tool]})
    assert found is not None
    fixed, _ = compile_fix(found, "fix").apply({"tools": [tool]}, {})
    assert fixed["tools"][0]["function"]["parameters"]["properties"] == {"a": {"type": "string"}}


def test_request_is_left_alone() -> None:
    """Proposing reads; it writes nothing."""
    request = {**REQUEST, "temperature": 3, "tools": [TOOL]}
    before = json.dumps(request)
    propose(ErrorFacts(400, message="temperature must be at most 1"), request, "vega", "chat")
    assert json.dumps(request) == before
