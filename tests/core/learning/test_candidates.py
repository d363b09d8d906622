"""What is learned from the calls of several applications."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from arc_core.learning import Candidate, Example, learn, trial
from arc_core.learning.trial import tries
from arc_protocol.cures import ErrorFacts, propose
from arc_protocol.patterns.structure import STRUCTURAL_TESTS
from core.learning.worlds import Request, Rule, World


def refusal(message: str, param: str | None = None) -> ErrorFacts:
    return ErrorFacts(400, None, param, "invalid_request_error", message)


def learned(world: World, failing: int = 10, healthy: int = 500) -> list[Candidate]:
    return learn(
        world.failing(failing),
        world.healthy(healthy),
        provider="openai",
        operation="chat",
        cures=propose,
    )


RULES: list[tuple[str, Rule, ErrorFacts, Any]] = [
    (
        "a parameter that a family of models refuses",
        lambda request: request["model"].startswith("kestrel-4") and "top_p" in request,
        refusal("Unsupported parameter: 'top_p' is not supported with this model.", "top_p"),
        {"top_p": None},
    ),
    (
        "a parameter that has another name for some models",
        lambda request: request["model"].startswith("osprey") and "max_tokens" in request,
        refusal(
            "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead.",
            "max_tokens",
        ),
        {"max_tokens": {"rename": "max_completion_tokens"}},
    ),
    (
        "a value of one model",
        lambda request: request["model"] == "zephyr-2" and request.get("temperature", 1) != 1,
        refusal(
            "Unsupported value: 'temperature' does not support 0.3 with this model. "
            "Only the default (1) value is supported.",
            "temperature",
        ),
        {"temperature": None},
    ),
    (
        "a limit that is stated",
        lambda request: request.get("max_tokens", 0) > 4096,
        refusal("max_tokens is too large: 6000. This API supports at most 4096.", "max_tokens"),
        {"max_tokens": {"clamp": {"high": 4096}}},
    ),
    (
        "a list that is too long for all models",
        lambda request: len(request.get("stop", ())) > 4,
        refusal("Invalid 'stop': array too long. Expected maximum length 4.", "stop"),
        {"stop": {"limit": 4}},
    ),
    (
        "a conversation that does not fit together",
        lambda request: STRUCTURAL_TESTS["unanswered_tool_call"](request["messages"]),
        refusal("An assistant message with 'tool_calls' must be followed by tool messages."),
        {"messages": {"repair": "tool_pairs"}},
    ),
    (
        "a limit that no error states",
        lambda request: request.get("max_tokens", 0) > 2000,
        refusal("The request could not be processed."),
        {"max_tokens": {"clamp": {"high": 2000}}},
    ),
    (
        "a parameter that no error names",
        lambda request: request["model"] == "kestrel-5" and "presence_penalty" in request,
        refusal("Bad request."),
        {"presence_penalty": None},
    ),
]


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    ("rule", "error", "fix"), [case[1:] for case in RULES], ids=[case[0] for case in RULES]
)
def test_condition_and_fix_are_found(rule: Rule, error: ErrorFacts, fix: Any, seed: int) -> None:
    """The first candidate matches what fails, spares what does not, and clears the failure."""
    world = World(seed, rule, error)
    candidates = learned(world)
    assert candidates, "nothing was learned"
    first = candidates[0].document
    assert first["fix"] == fix
    tried = trial(first, world.failing(300), world.healthy(2000))
    assert tried.passed
    assert tried.matched_failing >= 0.95 * tried.failing, first
    assert tried.matched_healthy <= 0.001 * tried.healthy, first
    does = [json.dumps([each.document["pattern"], each.document["fix"]]) for each in candidates]
    assert len(does) == len(set(does))


def test_a_bound_foretells_a_failure_by_chance_better_than_single_numbers() -> None:
    """30 % fail with few tokens: also with another few that nobody has asked for yet."""
    draw = random.Random(1)
    ends: list[list[Example]] = [[], []]
    while len(ends[1]) < 120:
        tokens = draw.choice((200, 400, 4000))
        fails = draw.random() < (0.3 if tokens <= 400 else 0.03)
        request = {"model": "m", "max_tokens": tokens, "messages": []}
        ends[fails].append(Example(request, "app"))
    found = learn(ends[1], ends[0], provider="openai", operation="chat", cures=propose)
    assert "<" in found[0].document["pattern"]["max_tokens"]


def first_of(failing: list[Request], healthy: list[Request], message: str) -> dict[str, Any]:
    """Return the first pattern that is learned from these calls, each made some times."""
    made = [
        [Example({"messages": [], **one}, "app", error) for one in calls for _ in range(5)]
        for calls, error in ((failing, refusal(message)), (healthy, None))
    ]
    found = learn(made[0], made[1] * 10, provider="openai", operation="chat", cures=propose)
    return found[0].document


def test_a_stated_limit_is_asked_for_alone() -> None:
    """The values of the first failing calls are not part of the condition.

    Not even where they would tell them from healthy calls of other models beyond the limit.
    """
    found = first_of(
        [{"model": "k-4", "max_tokens": 12000}, {"model": "k-4-mini", "max_tokens": 16000}],
        [{"model": "z-2", "max_tokens": 14000}, {"model": "k-4", "max_tokens": 2000}],
        "max_tokens is too large. At most 8192 are supported.",
    )
    assert found["pattern"]["max_tokens"] == {">": 8192}
    assert found["pattern"]["model"] == {"starts_with": "k-4"}


PLAIN = [{"model": "z-2"}, {"model": "k-4"}, {"model": "k-4-mini"}]
NOT_WITH_THIS = "Unsupported parameter: 'top_p' is not supported with this model."


@pytest.mark.parametrize(
    ("models", "healthy", "asked"),
    [
        (["k-4-2026-05-01"], [], {"starts_with": "k-4"}),
        (["k-4-2026-05-01"], ["k-4-mini"], "k-4-2026-05-01"),
        (["k-4"], [], "k-4"),
        (["k-4", "k-4-2026-05-01"], [], {"starts_with": "k-4"}),
        (["k-4", "k-4-2026-05-01"], ["k-4-mini"], {"in": ["k-4", "k-4-2026-05-01"]}),
    ],
)
def test_what_is_said_of_a_model_is_asked_of_it(
    models: list[str], healthy: list[str], asked: Any
) -> None:
    """Of its snapshots too, but of no model that was healthy with the same setting."""
    found = first_of(
        [{"model": name, "top_p": 0.9} for name in models],
        [*PLAIN, *({"model": name, "top_p": 0.9} for name in healthy)],
        NOT_WITH_THIS,
    )
    assert found["pattern"] == {"top_p": {"exists": True}, "model": asked}


def test_a_limit_of_one_family_is_kept_to_it() -> None:
    """That other models were not asked for as much says nothing about them."""
    found = first_of(
        [{"model": "k-4", "max_tokens": 9000}, {"model": "k-4-mini", "max_tokens": 9500}],
        PLAIN,
        "Invalid max_tokens value, the valid range of max_tokens is [1, 8192].",
    )
    assert found["pattern"] == {"max_tokens": {">": 8192}, "model": {"starts_with": "k-4"}}


def test_what_the_error_refuses_is_asked_for_whatever_its_value() -> None:
    """The first failing calls had one value; the parameter is what the words name."""
    found = first_of(
        [{"model": "k-4", "reasoning_effort": "low"}],
        [*PLAIN, {"model": "z-2", "reasoning_effort": "high"}],
        "Unsupported parameter: 'reasoning_effort' is not supported with this model.",
    )
    assert found["pattern"]["reasoning_effort"] == {"!=": "none"}


def test_a_stated_default_is_no_fault() -> None:
    found = first_of(
        [{"model": "k-4", "temperature": 0.2}],
        [*PLAIN, {"model": "z-2", "temperature": 0.7}],
        "'temperature' does not support 0.2 with this model. Only the default (1) value is "
        "supported.",
    )
    assert found["pattern"] == {"temperature": {"!=": 1}, "model": "k-4"}


def test_what_other_models_take_is_not_the_first_fix_to_try() -> None:
    """Without words only healthy calls tell; those to the same model say what that model takes."""
    found = first_of(
        [{"model": "k-4", "presence_penalty": value} for value in (0, 0.2, 0.9)],
        [{"model": "k-4"}, {"model": "k-3", "presence_penalty": 0.5}],
        "Bad request.",
    )
    assert found["fix"] == {"presence_penalty": None}


def _tool(name: str, **asked: Any) -> Request:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    return {"type": "function", "function": {"name": name, "parameters": schema, **asked}}


def test_what_strict_mode_demands_is_asked_of_strict_tools() -> None:
    """A tool beside a strict one may be as open as it likes, and nothing is changed in it."""
    closed = _tool("closed", strict=True)
    closed["function"]["parameters"] = {
        **closed["function"]["parameters"],
        "additionalProperties": False,
    }
    found = first_of(
        [
            {"model": "k-4", "tools": [_tool("one", strict=True)]},
            {"model": "k-4", "tools": [_tool("one", strict=True), _tool("open")]},
        ],
        [*PLAIN, {"model": "k-4", "tools": [closed, _tool("open")]}],
        "Invalid schema for function 'one': In context=(), 'additionalProperties' is required to "
        "be supplied and to be false.",
    )
    strict = {"function.parameters": {"is": "strict_schema_incomplete"}, "function.strict": True}
    assert found["pattern"] == {"tools": {"any": strict}, "model": "k-4"}
    mixed = {"model": "k-4", "messages": [], "tools": [_tool("one", strict=True), _tool("open")]}
    ((_, fixed),) = tries(found, [Example(mixed, "app")])
    assert fixed["tools"][0]["function"]["parameters"]["additionalProperties"] is False
    assert fixed["tools"][1] == _tool("open")


def test_what_is_refused_together_is_asked_for_together() -> None:
    """Without the other parameter that the words name it may be healthy."""
    found = first_of(
        [{"model": "k-4", "reasoning_effort": "low", "tools": [{}]}],
        [*PLAIN, {"model": "z-2", "reasoning_effort": "low"}],
        "Function tools with reasoning_effort are not supported for k-4.",
    )
    assert found["pattern"] == {
        "reasoning_effort": {"!=": "none"},
        "tools": {"exists": True},
        "model": "k-4",
    }


@pytest.mark.parametrize("seed", range(5))
def test_chance_teaches_nothing(seed: int) -> None:
    """Failures that no request foretells leave no candidates that do not come from the error."""
    world = World(seed, lambda request: False)
    calls = world.healthy(560)
    for failing in (10, 60):
        found = learn(
            calls[:failing], calls[failing:], provider="openai", operation="chat", cures=propose
        )
        assert found == []


def test_failure_that_only_sometimes_happens_is_learned() -> None:
    """A setting with which 30 % of the calls fail, and 5 % of the others, is told from chance."""
    world = World(4, lambda request: False, apps=120)
    chance = random.Random(4)
    failing, healthy = [], []
    for call in world.healthy(1500):
        risky = call.request.get("response_format", {}).get("type") == "text"
        (failing if chance.random() < (0.3 if risky else 0.05) else healthy).append(call)
    found = learn(failing, healthy, provider="openai", operation="chat", cures=propose)
    assert found[0].document["pattern"] == {"response_format.type": "text"}
    assert found[0].document["fix"] == {"response_format.type": "json_object"}


@pytest.mark.parametrize("seed", [0, 4, 32, 41])
def test_few_calls_that_fail_by_chance_teach_nothing(seed: int) -> None:
    """What thirty of them happen to have in common must be confirmed by later ones."""
    world = World(seed, lambda request: False, apps=120)
    chance = random.Random(seed)
    failing, healthy = [], []
    for call in world.healthy(900):
        risky = call.request.get("response_format", {}).get("type") == "text"
        (failing if chance.random() < (0.3 if risky else 0.05) else healthy).append(call)
    calls = failing[:30], healthy[:240]
    found = learn(*calls, provider="openai", operation="chat", cures=propose)
    conditions = [each.document["pattern"] for each in found]
    assert all("response_format.type" in asked for asked in conditions), conditions


def test_two_causes_of_one_signature_are_told_apart() -> None:
    """Each cause gets a candidate of its own, and both together cover all that failed."""

    def rule(request: Request) -> bool:
        refused = request["model"].startswith("osprey") and "seed" in request
        return refused or (request["model"] == "zephyr-2-mini" and "top_p" in request)

    world = World(3, rule, refusal("Bad request."))
    found = learned(world, failing=40)
    fixes = [json.dumps(candidate.document["fix"]) for candidate in found]
    assert '{"seed": null}' in fixes
    assert '{"top_p": null}' in fixes


def test_without_healthy_calls_only_what_the_error_says_is_believed() -> None:
    """An application that has only ever failed is helped by the words of its errors, if at all."""
    telling = World(1, RULES[1][1], RULES[1][2])
    silent = World(1, RULES[1][1], refusal("Bad request."))
    assert learned(telling, healthy=0)[0].document["fix"] == RULES[1][3]
    assert learned(silent, healthy=0) == []


def test_one_failure_is_no_pattern() -> None:
    """Two failing calls are too few to learn from."""
    world = World(1, RULES[0][1], RULES[0][2])
    assert learned(world, failing=2) == []


def test_equal_findings_have_equal_names() -> None:
    """What was learned twice is recognised as the same pattern."""
    world = World(1, RULES[3][1], RULES[3][2])
    failing, healthy = world.failing(20), world.healthy(200)
    twice = [
        learn(failing, healthy, provider="openai", operation="chat", cures=propose)
        for _ in range(2)
    ]
    assert twice[0] == twice[1]
